"""What the live view costs the line: with a page open and without, in turns, in the same daemon.

The daemon gets as many frames as it can take. In every other turn the real viewer runs beside it, on the same machine,
and a page is read as a browser reads it: every update, every picture, every map. What the line has left is told three
times: in frames a second, which is what counts but wavers with whatever else the machine does; in frames for a second
of the daemon's processor time, which is what the daemon itself pays for pictures and for one more subscriber; and in
frames for a second of the daemon's and the viewer's together, which is what the machine pays. What a browser takes to
draw is not there, for it is on another machine; what is taken here to read the page makes the first figure worse.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inspectd.closing import Closing
from tools.bench.line import Load, RunningLine, decided, running_line, write_frames
from tools.bench.rounds import Comparison
from tools.errors import ToolsError
from tools.trial_daemon import free_addresses

SETTLE_S = 3.0
"""After the page has its first picture, or is gone. A picture comes late: frames that were taken before anybody looked
go ahead of it."""
START_LIMIT_S = 60.0
PATIENCE_S = 10.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Turn:
    """A stretch of the line's time, on CLOCK_MONOTONIC, and processor time in it, s."""

    begin_ns: int
    end_ns: int
    daemon_s: float
    viewer_s: float
    """0 where there is none."""


@dataclass
class OpenPage:
    """What a page got."""

    updates: int = 0
    pictures: int = 0
    maps: int = 0
    closed: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class ViewCost:
    """Of all rounds."""

    comparisons: tuple[Comparison, ...]
    """Frames a second, frames for a second of the daemon's processor time, and for one of the daemon's and viewer's."""
    page: OpenPage
    watched_s: float
    """How long pages were open."""


def measure_view(load: Load, rounds: int) -> ViewCost:
    """The line with a page open, and alone.

    Raises:
        ToolsError: a verdict was ERROR, or the page got no picture.
    """
    page, turns = OpenPage(), []
    with tempfile.TemporaryDirectory(prefix="inspectd-bench-") as scratch:
        folder = Path(scratch)
        write_frames(load, folder / "frames")
        with running_line(load, folder, {}) as line:
            for index in range(rounds):
                order = (True, False) if index % 2 else (False, True)
                measured = {watched: _turn(load, line, page if watched else None) for watched in order}
                turns.append((measured[True], measured[False]))
        moments = decided(line.journal)
    rates = [tuple(_rates(moments, turn) for turn in pair) for pair in turns]
    comparisons = tuple(
        Comparison(f"{what}, a page open", f"{what}, no viewer", tuple((a[kind], b[kind]) for a, b in rates))
        for kind, what in enumerate(("frames/s", "frames/CPU-s of the daemon", "frames/CPU-s of both"))
    )
    return ViewCost(comparisons, page, rounds * load.seconds)


def _turn(load: Load, line: RunningLine, page: OpenPage | None) -> Turn:
    with ExitStack() as watching:
        viewer = None
        if page is not None:
            viewer = watching.enter_context(_open_page(line, page))
            _wait_for_picture(page)
        time.sleep(SETTLE_S)
        begin_ns, daemon_s, viewer_s = time.monotonic_ns(), _cpu_s(line.pid), _cpu_s(viewer)
        time.sleep(load.seconds)
        return Turn(begin_ns, time.monotonic_ns(), _cpu_s(line.pid) - daemon_s, _cpu_s(viewer) - viewer_s)


def _rates(moments: list[int], turn: Turn) -> tuple[float, float, float]:
    frames = bisect_left(moments, turn.end_ns) - bisect_left(moments, turn.begin_ns)
    seconds = (turn.end_ns - turn.begin_ns) / 1e9
    return frames / seconds, frames / turn.daemon_s, frames / (turn.daemon_s + turn.viewer_s)


def _cpu_s(pid: int | None) -> float:
    """Processor time of a process, s; of its own threads, without those of its children. 0 of none."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


# A page, without a browser


@contextmanager
def _open_page(line: RunningLine, page: OpenPage) -> Iterator[int]:
    """The viewer, whose process id this is, and a page that is open until the end of the block."""
    listen = free_addresses(1)[0].removeprefix("tcp://")
    addresses = {"verdicts": line.verdicts, "maps": line.maps, "pictures": line.pictures, "replay": line.replay}
    options = [text for name, address in addresses.items() for text in (f"--{name}", address)]
    command = [sys.executable, "-m", "inspectd.cli", "view", "--listen", listen, *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as viewer:  # noqa: S603 - our own program
        page.closed.clear()
        reader = threading.Thread(target=_read, args=(listen, page), daemon=True)
        try:
            _wait_for(listen)
            reader.start()
            yield viewer.pid
        finally:
            page.closed.set()
            if reader.ident is not None:
                reader.join(PATIENCE_S)
            viewer.terminate()


def _wait_for(listen: str) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end:
        with suppress(OSError):
            with _Files(listen) as files:
                files.has("/session")
            return
        time.sleep(0.1)
    raise ToolsError("the viewer does not answer")


def _wait_for_picture(page: OpenPage) -> None:
    before, end = page.pictures, time.monotonic() + START_LIMIT_S
    while page.pictures == before:
        if time.monotonic() > end:
            raise ToolsError("the page got no pictures; this is no measurement")
        time.sleep(0.1)


def _read(listen: str, page: OpenPage) -> None:
    """As the page does: each update, and what it names that was not there before."""
    stream = http.client.HTTPConnection(listen, timeout=PATIENCE_S)
    seen: set[str] = set()
    boots: dict[int, str] = {}
    stream.request("GET", "/events")
    with _Files(listen) as files:
        for text in stream.getresponse():
            if page.closed.is_set():
                break
            if text.startswith(b"data: "):
                page.updates += 1
                update = json.loads(text[6:])
                boots |= {verdict["sequence"]: verdict["boot"] for verdict in update["verdicts"]}
                for path in set(_named(update, boots)) - seen:
                    seen.add(path)
                    page.pictures += path.endswith(".jpg") and files.has(path)
                    page.maps += path.endswith(".png") and files.has(path)
    stream.close()


def _named(update: dict[str, Any], boots: Mapping[int, str]) -> Iterator[str]:
    """What is shown; `boots` are the verdicts'."""
    for camera in update["cameras"]:
        if camera.get("shown"):
            number = camera["shown"]["sequence"]
            name = f"{boots[number]}/{camera['camera']}/{number}"
            yield f"/pictures/{name}.jpg"
            if camera["shown"]["heat"]:
                yield f"/maps/{name}.png"


class _Files(Closing):
    """Fetches over one connection, with less processor time than `http.client`: this is not what is measured."""

    def __init__(self, listen: str) -> None:
        """
        Raises:
            OSError: nobody listens there.
        """
        host, _, port = listen.rpartition(":")
        self._listen = listen
        self._socket = socket.create_connection((host, int(port)), PATIENCE_S)
        self._answers = self._socket.makefile("rb")

    def has(self, path: str) -> bool:
        """Whether something is there; it is read.

        Raises:
            OSError: the viewer has gone.
        """
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {self._listen}\r\n\r\n".encode())
        status, length = self._answers.readline(), 0
        while (field_line := self._answers.readline().lower()).strip():
            name, _, value = field_line.partition(b":")
            length = int(value) if name == b"content-length" else length
        self._answers.read(length)
        return status.split()[1:2] == [b"200"]

    def close(self) -> None:
        """Close the connection. May be called more than once."""
        self._answers.close()
        self._socket.close()
