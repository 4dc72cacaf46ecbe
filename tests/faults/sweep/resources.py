"""A machine that has nothing left to give: file descriptors, memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from inspectd.errors import InspectdError
from tests.faults.sweep.cameras import capture_process
from tests.faults.sweep.fault import Fault, Seen, fault
from tests.faults.sweep.line import Line, steady
from tests.faults.sweep.subscribers import client, read_to

LIMITS = (16, 96)
"""Of file descriptors, none of which is enough."""


@fault("few file descriptors at start", f"RLIMIT_NOFILE {', '.join(map(str, LIMITS))}; then as usual")
def few_at_start(folder: Path) -> Seen:
    line = Line(folder)
    for limit in LIMITS:
        with line.daemon(("-m", "tests.faults.limited_daemon", "NOFILE", str(limit))) as daemon:
            code = daemon.wait()
        assert code == InspectdError.exit_code, f"exit code {code}: {line.log[-1500:]}"
        assert f"may open {limit} files" in line.log
    assert "Traceback" not in line.log
    with line.running():
        pass
    return Seen(f"{len(LIMITS)} starts refused, exit code {code}, in words; then {line.told()}")


def _used_up(name: str, injected: str, kind: int, told: str) -> Fault:
    @fault(name, f"{injected}; a capture process is killed, a subscriber comes; then the limit is lifted")
    def used_up(folder: Path) -> Seen:
        line = Line(folder, lambda source: {"web": steady(source), "other": steady(source)})
        with line.running() as daemon, client(line, since=1) as subscriber:
            process = psutil.Process(daemon.process.pid)
            with _no_more(process, kind):
                capture_process(process.pid, "web").kill()
                line.wait_for_reason("camera_lost")
                line.wait_for(lambda: told in line.details("web"), f"a heartbeat tells '{told}'")
            recovery_s = line.wait_for_judged("web", since_ns=time.monotonic_ns())
            numbers = read_to(subscriber, int(line.heard[-1]["sequence"]))
        assert numbers == list(range(1, len(numbers) + 1))
        assert not line.reasons("other")
        return Seen(
            f"{line.told('web')}; other camera: no ERROR; {len(numbers)} verdicts to the subscriber", recovery_s
        )

    return used_up


@contextmanager
def _no_more(process: psutil.Process, kind: int) -> Iterator[None]:
    """What the process has of this it may keep; it gets no more as long as the block lasts."""
    before = process.rlimit(kind)
    process.rlimit(kind, (3, before[1]))
    try:
        yield
    finally:
        process.rlimit(kind, before)


FAULTS = (
    few_at_start,
    _used_up("file descriptors used up", "none is to be had", psutil.RLIMIT_NOFILE, "Too many open files"),
    _used_up("memory used up", "no page is to be had", psutil.RLIMIT_AS, "Cannot allocate memory"),
)
