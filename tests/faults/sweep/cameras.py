"""Cameras that fail."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.faults.network_camera import NetworkCamera
from tests.faults.sweep.fault import Seen, fault
from tests.faults.sweep.line import PICTURES, Line, network, steady

RATE_HZ = 20.0


@contextmanager
def on_the_network(folder: Path, **settings: Any) -> Iterator[tuple[Line, NetworkCamera]]:
    """A line that inspects with a camera on the network, `net`, and a steady one, `web`, which nothing may disturb."""
    camera = NetworkCamera(RATE_HZ)
    line = Line(folder, lambda source: {"web": steady(source), "net": network(camera, **settings)})
    camera.plug()
    try:
        with line.running():
            line.wait_for_judged("net")
            yield line, camera
        assert not line.reasons("web"), f"the other camera was disturbed: {line.told('web')}"
    finally:
        camera.pull()


def _seen(line: Line, recovery_s: float) -> Seen:
    return Seen(f"{line.told('net')}; other camera: no ERROR", recovery_s)


@fault("camera unplugged", "its connection is cut and its port closed, then it is back")
def unplugged(folder: Path) -> Seen:
    with on_the_network(folder) as (line, camera):
        camera.pull()
        line.wait_for_reason("camera_lost", "net")
        camera.plug()
        recovery_s = line.wait_for_judged("net", since_ns=time.monotonic_ns())
    assert line.reasons("net") == {"camera_lost": 1}
    return _seen(line, recovery_s)


@fault("camera hung", "its connection stays and nothing comes, then it goes on")
def hung(folder: Path) -> Seen:
    with on_the_network(folder) as (line, camera):
        camera.hangs.set()
        line.wait_for_reason("camera_lost", "net")
        camera.hangs.clear()
        recovery_s = line.wait_for_judged("net", since_ns=time.monotonic_ns())
    assert line.reasons("net") == {"camera_lost": 1}
    return _seen(line, recovery_s)


@fault("camera frozen", "the same picture comes again and again, then others")
def frozen(folder: Path) -> Seen:
    with on_the_network(folder, frozen=True) as (line, camera):
        camera.freezes.set()
        line.wait_for_reason("frozen", "net", 5)
        line.wait_for_reason("camera_lost", "net")
        camera.freezes.clear()
        recovery_s = line.wait_for_judged("net", since_ns=time.monotonic_ns())
    return _seen(line, recovery_s)


@fault("camera sends rubbish", "random bytes come in place of JPEG, then pictures")
def rubbish(folder: Path) -> Seen:
    with on_the_network(folder) as (line, camera):
        camera.raves.set()
        line.wait_for_reason("camera_lost", "net")
        camera.raves.clear()
        recovery_s = line.wait_for_judged("net", since_ns=time.monotonic_ns())
    return _seen(line, recovery_s)


@fault("pictures damaged", "files of a folder are truncated, empty, of random bytes and of a flipped bit")
def damaged_pictures(folder: Path) -> Seen:
    line = Line(folder, lambda source: {"web": steady(source, preload=False)})
    pictures = folder / "pictures"
    os.truncate(pictures / "good1.png", 500)
    os.truncate(pictures / "good2.png", 0)
    (pictures / "good3.png").write_bytes(os.urandom(5000))
    flipped = bytearray((pictures / "good4.png").read_bytes())
    flipped[len(flipped) // 2] ^= 0x10
    (pictures / "good4.png").write_bytes(flipped)
    with line.running():
        line.wait_for(lambda: len(line.of("web")) > 2 * PICTURES, "two rounds of the pictures")
    bad = {verdict["source"] for verdict in line.of("web") if verdict["reason"] == "bad_frame"}
    assert bad == {f"good{index}.png" for index in (1, 2, 3, 4)}
    return Seen(line.told("web"))


@fault("capture process killed", "SIGKILL", long=True)
def capture_killed(folder: Path) -> Seen:
    line = Line(folder, lambda source: {"web": steady(source), "other": steady(source)})
    with line.running() as daemon:
        capture_process(daemon.process.pid, "web").send_signal(signal.SIGKILL)
        recovery_s = line.wait_for_judged("web", since_ns=time.monotonic_ns())
        line.wait_for_reason("camera_lost")
    assert not line.reasons("other")
    return Seen(line.told("web"), recovery_s)


@fault("capture process stopped", "SIGSTOP for good, as in a driver that hangs in the kernel")
def capture_stopped(folder: Path) -> Seen:
    line = Line(folder, lambda source: {"web": steady(source, stall_s=1.0), "other": steady(source)})
    with line.running() as daemon:
        began = time.monotonic_ns()
        capture_process(daemon.process.pid, "web").send_signal(signal.SIGSTOP)
        line.wait_for_reason("camera_lost")
        recovery_s = line.wait_for_judged("web", since_ns=began + 1_000_000_000)
    assert not line.reasons("other")
    return Seen(line.told("web"), recovery_s)


def capture_process(daemon: int, camera: str) -> psutil.Process:
    children = psutil.Process(daemon).children()
    return next(child for child in children if camera in child.cmdline())


FAULTS = (unplugged, hung, frozen, rubbish, damaged_pictures, capture_killed, capture_stopped)
