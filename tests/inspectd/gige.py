"""Aravis' GigE Vision camera on the loopback interface, in a process of its own, so that it can be killed."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pytest

from inspectd.cameras.aravis.binding import aravis
from inspectd.errors import CameraError

ADDRESS = "127.0.0.1"
SERIAL = "GV01"
START_S = 20.0
_CAMERA = """
import sys, time
from inspectd.cameras.introspection import load
camera = load("Aravis", "0.8").GvFakeCamera.new("127.0.0.1", sys.argv[1])
camera.props.gvsp_lost_ratio = float(sys.argv[2])
print(camera.is_running(), flush=True)
sys.stdin.read()  # until whoever started it is gone
"""


def require_aravis() -> None:
    """Skip where Aravis is not installed."""
    try:
        aravis()
    except CameraError as error:
        pytest.skip(str(error))


@contextmanager
def gige_alone() -> Iterator[None]:
    """Keep other workers of the tests from switching such a camera on, or looking for one, meanwhile."""
    with Path(tempfile.gettempdir(), "inspectd-tests-gige.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class GigeCamera:
    """One at a time, see `gige_alone`: all listen on GigE Vision's own port."""

    def __init__(self, lost_ratio: float = 0.0) -> None:
        """`lost_ratio` of its packets are not sent."""
        self._lost_ratio = lost_ratio
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Switch it on. Waits where a camera of another run on this machine is still there."""
        limit = time.monotonic() + START_S
        while not self._try_to_start():
            assert time.monotonic() < limit, "GigE Vision's port (UDP 3956) of the loopback interface stays in use"
            time.sleep(0.2)

    def kill(self) -> None:
        """As when its cable is pulled."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> GigeCamera:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def _try_to_start(self) -> bool:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CAMERA, SERIAL, str(self._lost_ratio)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() == "True\n":
            return True
        self.kill()
        return False
