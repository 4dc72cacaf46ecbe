"""The real daemon as a process of its own, for a demonstration or a measurement on this machine."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_S = 60.0
"""For the daemon to drain and leave; then it is killed."""


@contextmanager
def trial_daemon(configuration: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`inspectd run` until the end of the block; what it says goes to `log`."""
    command = [sys.executable, "-m", "inspectd.cli", "run", str(configuration)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)  # noqa: S603 - our own program
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_addresses(count: int) -> list[str]:
    """Addresses on this machine that nobody uses just now, each another."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [f"tcp://127.0.0.1:{probe.getsockname()[1]}" for probe in probes]
    finally:
        for probe in probes:
            probe.close()
