"""Where the documentation's commands are run: a folder with everything that its names stand for, and a network of its
own, so that the documented ports are free and nothing leaves it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.bundles import tiny_bundle
from tests.inspectd.view.checkerboard import HEIGHT, WIDTH, pose
from tests.tools.fit.conftest import paper
from tools.demo.bundle import shipped_bundle
from tools.demo.scene import web_scene
from tools.demo.web import FRAME, good_pictures

BUNDLE = "brick-0123456789abcdef"
"""How the documentation calls the reader's bundle."""
LINE_PC = "192.168.10.5"
"""The line's PC, as other PCs reach it; in a network of our own."""
PATIENCE_S = 150.0
LOOPBACK_UP = f"""
import fcntl, socket, struct, sys
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 0x41))  # SIOCSIFFLAGS: up, running
    address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton("{LINE_PC}"))
    fcntl.ioctl(any_socket, 0x8916, struct.pack("16s16s8x", b"lo:1", address))  # SIOCSIFADDR
print("up", flush=True)
sys.stdin.read()
"""
ONCE = r"^inspectd (doctor|cameras)$|inspectd-train (fit|defects) "
"""Says the same wherever it is run, or takes long."""
PICTURE = 256
"""Side of a picture, px."""
GOOD, SPOILT, SMALL = 24, 4, 8
"""How many there are; the small ones are for fits."""
CONFIGURATION = """
[model]
{model}
[engine]
threads = 1
[journal]
path = "{journal}"
"""
CAMERA = """
[cameras.{name}]
source = "images:{pictures}"
rate_hz = {rate_hz}
loop = true
"""


@dataclass(frozen=True)
class _Started:
    """A command line that was started, in a session of its own; what it says goes to a file."""

    text: str
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def said(self) -> str:
        """Up to now."""
        return self.output.read_text(errors="replace")

    def wait_for(self, shows: str) -> None:
        """Until it has said something that fits this pattern."""
        end = time.monotonic() + PATIENCE_S
        while not re.search(shows, self.said, re.MULTILINE):
            ended = self.process.poll()
            assert ended is None or re.search(shows, self.said, re.MULTILINE), f"it ended with {ended}:\n{self.said}"
            assert time.monotonic() < end, f"it has not shown '{shows}':\n{self.said}"
            time.sleep(0.05)

    def end(self, how: signal.Signals) -> int:
        """End all of it, and tell the exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        return self.process.wait(PATIENCE_S)


class Workshop:
    """The reader's PC, as far as the documentation knows it."""

    def __init__(self, folder: Path, network: Sequence[str]) -> None:
        self.folder = folder
        self.place = folder
        """Where commands are run; `cd` moves it."""
        self._network = network
        self.has_network = bool(network)
        self._going_on: list[_Started] = []
        self._count = 0
        self._ended: dict[str, tuple[int, str]] = {}
        self.bundle = shipped_bundle()
        self._environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONUNBUFFERED": "1",
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
        }

    def furnish(self) -> None:
        """Pictures, a bundle and configurations, under the names that the documentation has for them."""
        self._draw_pictures()
        for place in ("bundles", "var/lib/inspectd/bundles"):
            shutil.copytree(self.bundle, self.folder / place / self.bundle.name)
        for place, surface, threshold in (("summer", "brick", 2.5), ("old", "brick", 2.4), ("first", "first", 2.5)):
            tiny_bundle(self.folder / place, surface=surface, threshold=threshold)
        for place in ("home", "etc/inspectd", "var/cache/inspectd"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        (self.folder / "pw").write_text("secret\n")
        for name in ("inspectd.toml", "line.toml", "left.toml", "etc/inspectd/inspectd.toml"):
            self.configure(name, "web")

    def configure(
        self,
        name: str,
        *cameras: str,
        model: str = f'bundle = "bundles/{BUNDLE}"',
        journal: str = "journal.db",
        pictures: str = "seen",
        rate_hz: int = 5,
        also: str = "",
    ) -> None:
        """Write a configuration; every camera sees what lies in `pictures`. `also` goes on in the last one's table."""
        text = CONFIGURATION.format(model=self._in_place(model), journal=self.folder / journal)
        seen = self.folder / pictures
        text += "".join(CAMERA.format(name=camera, pictures=seen, rate_hz=rate_hz) for camera in cameras)
        (self.folder / name).write_text(text + self._in_place(also))

    def show(self, pictures: str) -> None:
        """From now on, cameras see the pictures of this folder."""
        seen = self.folder / "seen"
        seen.unlink(missing_ok=True)
        seen.symlink_to(self.folder / pictures)

    def run(self, text: str, timeout_s: float = PATIENCE_S) -> tuple[int, str]:
        """Run a command line to its end: its exit code, and what it said. What `ONCE` matches and has been run is not
        run again."""
        if not re.search(ONCE, text):
            return self._run(text, timeout_s)
        if text not in self._ended:
            self._ended[text] = self._run(text, timeout_s)
        return self._ended[text]

    def _run(self, text: str, timeout_s: float) -> tuple[int, str]:
        started = self._start(text)
        try:
            code = started.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            started.end(signal.SIGKILL)
            raise AssertionError(f"it has not ended after {timeout_s:g} s, and said:\n{started.said}") from None
        if moved := re.search(r"\bcd (\S+)$", text):
            self.place /= moved[1].replace("~", str(self.folder / "home"))
        return code, started.said

    def goes_on(self, text: str) -> bool:
        """Whether this command line was started, and has not been closed."""
        return any(started.text == text for started in self._going_on)

    def start(self, text: str, shows: str) -> None:
        """Start a command line that goes on, and wait until it has said something; it runs until `close`."""
        self._going_on.append(self._start(text))
        self._going_on[-1].wait_for(shows)

    def watch(self, text: str, shows: str) -> None:
        """Start a command line that goes on, and stop it as soon as it has said something."""
        started = self._start(text)
        try:
            started.wait_for(shows)
        finally:
            started.end(signal.SIGINT)

    def close(self) -> None:
        """End everything that goes on, the newest first; each must leave in order."""
        while self._going_on:
            started = self._going_on.pop()
            assert started.end(signal.SIGTERM) in {0, -signal.SIGTERM}, started.said

    def kill(self) -> None:
        """Leave nothing behind."""
        for started in self._going_on:
            started.end(signal.SIGKILL)

    def _start(self, text: str) -> _Started:
        self._count += 1
        output = self.folder / "home" / f"said-{self._count}"
        command = [*self._network, "bash", "-c", f"set -o pipefail; {self._in_place(text)}"]
        with output.open("wb") as said:
            process = subprocess.Popen(
                command,
                cwd=self.place,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        return _Started(text, process, output)

    def _in_place(self, text: str) -> str:
        """With this reader's bundle, and the machine's folders in the workshop."""
        for folder in ("/var/lib/inspectd", "/var/cache/inspectd", "/etc/inspectd"):
            text = text.replace(folder, f"{self.folder}{folder}")
        for placeholder in (BUNDLE, "brick-…"):
            text = text.replace(placeholder, self.bundle.name)
        return text

    def _draw_pictures(self) -> None:
        good = self.folder / "pictures" / "good"
        good.mkdir(parents=True)
        for number, picture in enumerate(good_pictures(GOOD, seed=5)):
            cv2.imwrite(str(good / f"{number:03d}.png"), picture[:PICTURE, :PICTURE])
        small = self.folder / "small" / "good"
        small.mkdir(parents=True)
        for number in range(SMALL):
            cv2.imwrite(str(small / f"{number:03d}.png"), paper(number))
        self._draw_spoilt()
        (self.folder / "good").symlink_to(good)
        (self.folder / "bad").symlink_to(self.folder / "pictures" / "spoilt")
        _draw_evenly(self.folder / "even" / "white", 200)
        _draw_evenly(self.folder / "even" / "dark", 8)
        _draw_boards(self.folder / "boards")
        self.show("pictures/good")

    def _draw_spoilt(self) -> None:
        scene = web_scene(self.folder / "scene", 4 * SPOILT, seed=6)
        spoilt, truth = self.folder / "pictures" / "spoilt", self.folder / "pictures" / "ground_truth" / "spoilt"
        for place in (spoilt, truth):
            place.mkdir(parents=True)
        for name, picture in scene.truth.items():
            mask = picture.truth(FRAME, FRAME)
            if mask is not None and not picture.good:
                around = _square_around(mask)
                cv2.imwrite(str(spoilt / name), picture.read()[around])
                cv2.imwrite(str(truth / f"{Path(name).stem}_mask.png"), mask[around].astype(np.uint8) * 255)


@contextmanager
def own_network() -> Iterator[Sequence[str]]:
    """What to put before a command that is to run in a network of its own; nothing where this machine refuses one."""
    entering = ["--net"] if os.geteuid() == 0 else ["--net", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run(["unshare", *entering, "true"], check=False).returncode:
        yield []
        return
    holder = subprocess.Popen(
        ["unshare", *entering, sys.executable, "-c", LOOPBACK_UP], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        yield ["nsenter", "--target", str(holder.pid), "--net", *user, "--"]
    finally:
        holder.communicate()


def _square_around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The part of a frame, as large as a picture, whose middle is the defect's."""
    y, x = (int(np.clip(place.mean() - PICTURE / 2, 0, FRAME - PICTURE)) for place in np.nonzero(mask))
    return slice(y, y + PICTURE), slice(x, x + PICTURE)


def _draw_evenly(folder: Path, grey: int) -> None:
    folder.mkdir(parents=True)
    for number in range(3):
        noise = np.random.default_rng(number).normal(grey, 2, (PICTURE, PICTURE))
        cv2.imwrite(str(folder / f"{number}.png"), np.clip(noise, 0, 255).astype(np.uint8))


def _draw_boards(folder: Path) -> None:
    """A checkerboard of 9×6 inner corners and 10 mm, held in six ways."""
    folder.mkdir()
    px_per_mm = 4
    squares = np.indices((7, 10)).sum(axis=0) % 2
    board = np.kron(squares, np.full((10 * px_per_mm,) * 2, 190.0)) + 30
    board = np.pad(board, 10 * px_per_mm, constant_values=220).astype(np.uint8)
    to_mm = np.array([[1 / px_per_mm, 0, -20], [0, 1 / px_per_mm, -20], [0, 0, 1]])
    turns = [(0.0, 0, 0), (0.3, 0.1, 0.1), (-0.3, 0.2, 0), (0.2, -0.35, 0.1), (-0.1, 0.35, -0.1), (0.3, 0.3, 0.05)]
    for number, turn in enumerate(turns):
        seen = cv2.warpPerspective(
            board, pose(turn, (-40, -25, 190)) @ to_mm, (WIDTH, HEIGHT), borderValue=220, flags=cv2.INTER_AREA
        )
        cv2.imwrite(str(folder / f"{number}.png"), seen)
