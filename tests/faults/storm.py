"""Four cameras and a trigger, one camera hanging and one pulled at random: python -m tests.faults.storm --minutes 10.

Says what was seen, as JSON. Everything that must hold is asserted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import psutil

from inspectd.client import Controller
from tests.bundles import surface_picture, tiny_bundle
from tests.daemons import Configuration, RunningDaemon, wait_until
from tests.faults.network_camera import NetworkCamera

RATE_HZ = 10.0
STALL_S = 1.0
BACK_S = 5.0
"""A camera that has returned delivers again within this."""


@dataclass
class Seen:
    """What a storm came to."""

    seconds: float
    hangs: int = 0
    pulls: int = 0
    triggers: int = 0
    verdicts: dict[str, dict[str, int]] = field(default_factory=dict)
    """By camera, outcome or reason to count."""
    slowest_return_s: float = 0.0
    growth: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Of the daemon, by resource: median over the first and over the last third of the time. MiB where it is memory."""


def storm(folder: Path, seconds: float, seed: int = 0) -> Seen:
    """Let it rage, stop the daemon, and hold the journal against what happened."""
    seen = Seen(seconds)
    (folder / "web").mkdir()
    for index in range(20):
        cv2.imwrite(str(folder / "web" / f"{index}.png"), surface_picture(index))
    steady = {"source": f"images:{folder / 'web'}", "loop": True, "preload": True}
    hung, pulled = NetworkCamera(RATE_HZ), NetworkCamera(RATE_HZ)
    network = {"stall_s": STALL_S, "deadline_ms": 5000}
    cameras: dict[str, dict[str, Any]] = {
        "steady": {**steady, "rate_hz": RATE_HZ},
        "fired": {**steady, "trigger": "software"},
        "hung": {"source": f"opencv:{hung.url}", **network},
        "pulled": {"source": f"opencv:{pulled.url}", **network},
    }
    configuration = Configuration(folder, tiny_bundle(folder / "bundles"), cameras)
    hung.plug()
    pulled.plug()
    returned: list[int] = []
    with RunningDaemon(configuration) as daemon, Controller(configuration.control, 20) as controller:
        daemon.wait_for_verdicts(40)
        over = threading.Event()
        threads = [
            threading.Thread(target=_hang, args=(hung, np.random.default_rng(seed), over, seen)),
            threading.Thread(target=_pull, args=(pulled, np.random.default_rng(seed + 1), over, seen, returned)),
        ]
        for thread in threads:
            thread.start()
        resources: list[dict[str, float]] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen.triggers += 1
            controller.trigger(f"part {seen.triggers}", ["fired", "steady"], deadline_ms=5000)
            resources.append(_resources(daemon.process.pid))
            time.sleep(0.25)
        over.set()
        for thread in threads:
            thread.join()
        last = max(returned, default=0)
        wait_until(lambda: _delivered(configuration, "pulled", last), "the pulled camera delivers", 30)
        assert daemon.terminate() == 0, daemon.log.read_text()
    pulled.pull()
    seen.growth = growth(resources)
    _judge(configuration.verdicts_in_journal(), seen, returned)
    return seen


def _resources(pid: int) -> dict[str, float]:
    """What the daemon itself holds; its capture processes come and go."""
    process = psutil.Process(pid)
    memory = process.memory_info()
    return {
        "memory": (memory.rss - memory.shared) / 2**20,
        "shared": memory.shared / 2**20,
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "processes": len(process.children()),
    }


def growth(resources: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Of each resource, the median over the first and over the last third."""
    third = len(resources) // 3
    return {
        name: (median(one[name] for one in resources[:third]), median(one[name] for one in resources[-third:]))
        for name in resources[0]
    }


def _hang(camera: NetworkCamera, dice: np.random.Generator, over: threading.Event, seen: Seen) -> None:
    while not over.wait(dice.uniform(0.5, 4.0)):
        camera.hangs.set()
        seen.hangs += 1
        over.wait(dice.uniform(0.2, 4.0))
        camera.hangs.clear()


def _pull(
    camera: NetworkCamera, dice: np.random.Generator, over: threading.Event, seen: Seen, returned: list[int]
) -> None:
    while not over.wait(dice.uniform(BACK_S + 1, BACK_S + 5)):  # it stays for long enough to be seen coming back
        camera.pull()
        seen.pulls += 1
        over.wait(dice.uniform(0.2, 8.0))
        camera.plug()
        returned.append(time.monotonic_ns())


def _delivered(configuration: Configuration, camera: str, since_ns: int) -> bool:
    return any(_passed_after(verdict, camera, since_ns) for verdict in configuration.verdicts_in_journal())


def _passed_after(verdict: dict[str, Any], camera: str, since_ns: int) -> bool:
    said = (verdict["kind"], verdict.get("camera"), verdict["outcome"])
    return said == ("verdict", camera, "PASS") and int(verdict["captured_monotonic_ns"]) >= since_ns


def _judge(verdicts: list[dict[str, Any]], seen: Seen, returned: list[int]) -> None:
    assert [verdict["sequence"] for verdict in verdicts] == list(range(1, len(verdicts) + 1))
    parts = [verdict for verdict in verdicts if verdict["kind"] == "part"]
    frames = [verdict for verdict in verdicts if verdict["kind"] == "verdict"]
    for camera in ("steady", "fired", "hung", "pulled"):
        mine = [verdict for verdict in frames if verdict["camera"] == camera]
        seen.verdicts[camera] = dict(Counter(verdict["reason"] or verdict["outcome"] for verdict in mine))
        numbers = [verdict["frame"] for verdict in mine if verdict["frame"] is not None]
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), f"{camera}: a frame has no verdict, or two"
    # The other two lose nothing, and every trigger has its verdict.
    assert set(seen.verdicts["steady"]) == {"PASS"}
    assert seen.verdicts["fired"] == {"PASS": seen.triggers}
    assert sorted(part["part"] for part in parts) == sorted(f"part {number + 1}" for number in range(seen.triggers))
    assert {part["outcome"] for part in parts} == {"PASS"}
    steady_s = seen.verdicts["steady"]["PASS"] / RATE_HZ
    assert steady_s > 0.9 * seen.seconds, f"the steady camera delivered for {steady_s:.0f} s only"
    for since_ns in returned:
        came_ns = min(
            verdict["captured_monotonic_ns"] for verdict in frames if _passed_after(verdict, "pulled", since_ns)
        )
        seen.slowest_return_s = max(seen.slowest_return_s, (came_ns - since_ns) / 1e9)


def main() -> None:
    """Rage for as long as asked, and say what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.storm", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inspectd-storm-") as folder:
        seen = storm(Path(folder), 60 * arguments.minutes, arguments.seed)
    print(json.dumps(asdict(seen), indent=1))


if __name__ == "__main__":
    main()
