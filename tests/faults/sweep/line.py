"""The line that faults are injected into: pictures, a configuration, a daemon, and a subscriber that hears it all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cv2

from engines.bundle import Bundle
from tests.bundles import spot, surface_picture, tiny_bundle
from tests.daemons import Configuration, RunningDaemon, wait_until
from tests.faults.network_camera import NetworkCamera
from tests.faults.sweep.listener import Listener
from tests.faults.sweep.promises import DEFECT, check

RATE_HZ: Final = 40.0
PICTURES: Final = 10
RECOVER_S: Final = 20.0
"""For a line to be back, on a machine that does much else."""
RUN: Final = ("-m", "inspectd.cli", "run")

Cameras = Mapping[str, Mapping[str, Any]]


def steady(source: str, **settings: Any) -> Mapping[str, Any]:
    """A camera that gives the pictures at a steady rate."""
    return {"source": source, "loop": True, "preload": True, "rate_hz": RATE_HZ, **settings}


def fired(source: str) -> Mapping[str, Any]:
    """A camera that gives a picture at each trigger."""
    return {"source": source, "loop": True, "preload": True, "trigger": "software"}


def network(camera: NetworkCamera, **settings: Any) -> Mapping[str, Any]:
    """A camera on the network, missed after a second."""
    return {"source": f"opencv:{camera.url}", "stall_s": 1.0, "deadline_ms": 5000, **settings}


class Line:
    """One line, over all lives of its daemon."""

    def __init__(
        self,
        folder: Path,
        cameras: Callable[[str], Cameras] | None = None,
        *,
        bundle: Bundle | None = None,
        journal: Path | None = None,
        **settings: object,
    ) -> None:
        """`cameras` makes them from the source of the pictures; `settings` as `engine__timeout_s = 1`."""
        self.folder = folder
        self.bundle = bundle or tiny_bundle(folder / "bundles")
        made = cameras or (lambda source: {"web": steady(source)})
        self.configuration = Configuration(folder, self.bundle, made(_pictures(folder)))
        if journal is not None:
            self.configuration.journal = journal
            settings["journal__path"] = journal
        self._environment = {f"INSPECTD_{name.upper()}": str(value) for name, value in settings.items()}
        self._listener = Listener(self.configuration.verdicts)

    def judge_with(self, registry: Path) -> None:
        """Have a registry say which bundle judges."""
        text = self.configuration.path.read_text()
        named, by_registry = f'bundle = "{self.bundle.path}"', f'registry = "{registry}"'
        self.configuration.path.write_text(text.replace(named, by_registry))

    # Its daemon's lives

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Everything published in this block is heard, and in the end every promise kept."""
        with self._listener:
            yield
            time.sleep(0.2)  # for what is on its way
        check(self.configuration, self._listener)

    def daemon(self, program: Sequence[str] = RUN, *, environment: Mapping[str, str] | None = None) -> RunningDaemon:
        """Start a daemon."""
        return RunningDaemon(
            self.configuration, program=program, environment={**self._environment, **(environment or {})}
        )

    @contextmanager
    def running(
        self, program: Sequence[str] = RUN, *, environment: Mapping[str, str] | None = None
    ) -> Iterator[RunningDaemon]:
        """One life that is listened to."""
        with self.listening(), self.a_life(program, environment=environment) as daemon:
            yield daemon

    @contextmanager
    def a_life(
        self, program: Sequence[str] = RUN, *, environment: Mapping[str, str] | None = None
    ) -> Iterator[RunningDaemon]:
        """A daemon that inspects, and drains at the end of the block; it is listened to already."""
        with self.daemon(program, environment=environment) as daemon:
            self.wait_for_judged(since_ns=time.monotonic_ns())
            yield daemon
            assert daemon.terminate() == 0, f"it did not end well: {self.log}"

    @property
    def log(self) -> str:
        """What its daemons have logged."""
        log = self.folder / "daemon.log"
        return log.read_text() if log.exists() else ""

    # What it says

    @property
    def heard(self) -> list[dict[str, Any]]:
        """Verdicts, on frames and on parts, as they were published."""
        return [heard.message for heard in self._listener.numbered]

    @property
    def states(self) -> set[str]:
        """Those that heartbeats told."""
        return {beat["state"] for beat in self._listener.heartbeats}

    def details(self, camera: str) -> str:
        """What heartbeats told of a camera, in words."""
        cameras = [status for beat in self._listener.heartbeats for status in beat["cameras"]]
        return "\n".join({status["detail"] or "" for status in cameras if status["camera"] == camera})

    def of(self, camera: str) -> list[dict[str, Any]]:
        """What was said of a camera and its frames."""
        return [verdict for verdict in self.heard if verdict.get("camera") == camera]

    def told(self, camera: str = "web") -> str:
        """The same, in short."""
        said = Counter(_short(verdict) for verdict in self.of(camera))
        return ", ".join(f"{count} {what}" for what, count in sorted(said.items()))

    def reasons(self, camera: str = "web") -> Counter[str]:
        """Of its ERRORs."""
        return Counter(verdict["reason"] for verdict in self.of(camera) if verdict["outcome"] == "ERROR")

    def wait_for(self, condition: Callable[[], object], what: str, timeout_s: float = RECOVER_S) -> None:
        """Wait until something comes about."""
        try:
            wait_until(condition, what, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said: {self.told()}; log: {self.log[-1500:]}") from error

    def wait_for_reason(self, reason: str, camera: str = "web", count: int = 1) -> None:
        """Wait until ERRORs of a camera name it."""
        self.wait_for(lambda: self.reasons(camera)[reason] >= count, f"ERROR {reason} of {camera}")

    def wait_for_judged(self, camera: str = "web", *, since_ns: int = 0) -> float:
        """Wait until a frame taken later than that is judged; how long after it that came, s."""
        judged: list[float] = []

        def back() -> bool:
            judged.extend(
                (heard.at_ns - since_ns) / 1e9
                for heard in self._listener.numbered
                if _is_judged(heard.message, camera, since_ns)
            )
            return bool(judged)

        self.wait_for(back, f"a frame of {camera} is judged")
        return judged[0]


def _pictures(folder: Path) -> str:
    """Write them, and return their source."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for index in range(PICTURES):
        cv2.imwrite(str(pictures / f"good{index}.png"), surface_picture(index))
    cv2.imwrite(str(pictures / DEFECT), spot(surface_picture(PICTURES), 20, 40))
    return f"images:{pictures}"


def _short(verdict: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (verdict["outcome"], verdict["reason"])))


def _is_judged(verdict: Mapping[str, Any], camera: str, since_ns: int) -> bool:
    judged = verdict.get("camera") == camera and verdict["outcome"] != "ERROR"
    return judged and verdict["captured_monotonic_ns"] >= since_ns
