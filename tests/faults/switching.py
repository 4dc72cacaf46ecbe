"""Models are activated one after the other on a line at full load: python -m tests.faults.switching --activations 100.

Says what was seen, as JSON. Everything that must hold is asserted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import cv2
import numpy as np
import psutil

from engines.bundle import Bundle
from inspectd.client import Controller
from tests.bundles import NOISE, TOP_CELLS, expected_distance, surface_picture
from tests.daemons import RunningDaemon, wait_until
from tests.faults.storm import growth
from tests.registries import BY, RegistryLine, registry_line

SIDE = 128
PICTURES = 16
CAMERAS = {"left", "right", "fired"}
SCORE_TOLERANCE = 1e-3
WARM_UP = 100


@dataclass
class Seen:
    """What it came to."""

    activations: int
    moved_thresholds: int = 0
    seconds: float = 0.0
    frames: int = 0
    frames_without_verdict: int = 0
    parts: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    """Outcome or reason to count, of frames."""
    judged_after_a_change_by_the_one_before: int = 0
    """Verdicts that come after a change of frames that came before it, as they must."""
    activation_ms: list[float] = field(default_factory=list)
    """Median and largest, from the request to the answer that it is done."""
    trigger_ms: list[float] = field(default_factory=list)
    """Median, 99th percentile and largest, from a trigger to the answer."""
    latency_ms: list[float] = field(default_factory=list)
    """Likewise, from capture to verdict."""
    growth: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Of the daemon, by resource: median over the first and over the last third of the time. MiB where it is memory."""


@dataclass(frozen=True)
class Period:
    """What was in effect from a change to the next."""

    bundle: str
    threshold: float
    sequence: int
    """Number of the change."""
    recorded_ns: int
    """Before it was in effect, CLOCK_MONOTONIC."""


def switching(folder: Path, activations: int, warm_up: int = 0) -> Seen:
    """Let it run, stop the daemon, and hold the journal against what was asked. How much the daemon holds is looked at
    after the first `warm_up` activations, when memory that was let go is there to be used again."""
    seen = Seen(activations)
    line = registry_line(folder, _cameras(folder))
    control = line.configuration.control
    with RunningDaemon(line.configuration) as daemon:
        daemon.wait_for_verdicts(200)
        wait_until(lambda: _running(daemon) == CAMERAS, "all cameras run")
        over = threading.Event()
        trigger_ms: list[float] = []
        triggering = threading.Thread(target=_trigger, args=(control, over, trigger_ms))
        triggering.start()
        began, resources = time.monotonic(), []
        done_ns: list[int] = []
        with Controller(control, 20) as controller:
            for number in range(activations):
                seen.activation_ms.append(_activate(controller, line, number, done_ns))
                if number % 5 == 4:
                    seen.moved_thresholds += _move(controller, line, number, done_ns)
                if number >= warm_up:
                    resources.append(_resources(daemon.process.pid))
        seen.seconds = time.monotonic() - began
        over.set()
        triggering.join()
        assert daemon.terminate() == 0, daemon.log.read_text()
    log = daemon.log.read_text()
    assert "Traceback" not in log, log
    seen.growth = growth(resources)
    seen.trigger_ms = spread(trigger_ms)
    seen.activation_ms = spread(seen.activation_ms)
    seen.parts = len(trigger_ms)
    _judge(line, seen, done_ns)
    return seen


def _running(daemon: RunningDaemon) -> set[str]:
    """Cameras that the log has told to be running; a part that is triggered before has no frame."""
    cameras = (entry for entry in daemon.said() if entry["event"] == "camera")
    return {entry["camera"] for entry in cameras if entry["state"] == "running"}


def _cameras(folder: Path) -> dict[str, dict[str, Any]]:
    """Two that deliver as fast as they are judged, and one that is triggered."""
    (folder / "web").mkdir()
    for index in range(PICTURES):
        cv2.imwrite(str(folder / "web" / f"{index}.png"), _picture(index))
    web = {"source": f"images:{folder / 'web'}", "preload": True, "loop": True}
    return {"left": web, "right": web, "fired": {**web, "trigger": "software"}}


def _picture(index: int) -> Any:
    """Good, or with a spot that is the darker the greater the index; so scores lie on both sides of any threshold."""
    picture = surface_picture(index, SIDE, SIDE)
    if index % 2:
        picture[40:56, 40:56] -= np.uint8(index * 4)
    assert picture.max() < 120 + 2 * NOISE
    return picture


def _activate(controller: Controller, line: RegistryLine, number: int, done_ns: list[int]) -> float:
    began = time.monotonic()
    if number % 7 == 6:
        controller.rollback(**BY)
    else:
        active = controller.status().model
        assert active is not None
        controller.activate("fine" if active.bundle == line.coarse.path.name else "coarse", **BY)
    done_ns.append(time.monotonic_ns())
    return (time.monotonic() - began) * 1e3


def _move(controller: Controller, line: RegistryLine, number: int, done_ns: list[int]) -> int:
    """Move the threshold there and back; returns how often it was moved."""
    model = controller.status().model
    assert model is not None
    controller.move_threshold(model.threshold * (1.25 if number % 2 else 0.8), **BY)
    done_ns.append(time.monotonic_ns())
    controller.undo_threshold(**BY)
    done_ns.append(time.monotonic_ns())
    return 2


def _trigger(control: str, over: threading.Event, took_ms: list[float]) -> None:
    with Controller(control, 20) as controller:
        while not over.wait(0.05):
            began = time.monotonic()
            controller.trigger(f"part {len(took_ms)}", ["fired"], deadline_ms=20_000)
            took_ms.append((time.monotonic() - began) * 1e3)


def _resources(pid: int) -> dict[str, float]:
    process = psutil.Process(pid)
    memory = process.memory_info()
    return {
        "memory": (memory.rss - memory.shared) / 2**20,
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
    }


def spread(values: Sequence[float]) -> list[float]:
    """Median, 99th percentile and largest."""
    percentiles = quantiles(values, n=100, method="inclusive")
    return [round(value, 2) for value in (percentiles[49], percentiles[98], max(values))]


# What must hold


def _judge(line: RegistryLine, seen: Seen, done_ns: Sequence[int]) -> None:
    said = line.configuration.verdicts_in_journal()
    assert [message["sequence"] for message in said] == list(range(1, len(said) + 1))
    frames = [message for message in said if message["kind"] == "verdict"]
    parts = [message for message in said if message["kind"] == "part"]
    changes = [message for message in said if message["kind"] == "change"]
    seen.frames = len(frames)
    seen.frames_without_verdict = _missing(frames)
    assert seen.frames_without_verdict == 0
    assert len(changes) == len(done_ns) == seen.activations + seen.moved_thresholds
    assert sorted(part["part"] for part in parts) == sorted(f"part {number}" for number in range(seen.parts))
    seen.outcomes = dict(Counter(frame["reason"] or frame["outcome"] for frame in frames))
    seen.latency_ms = spread([frame["latency_ms"] for frame in frames])
    periods = list(_periods(line, changes))
    triggered_ns = {part["part"]: part["triggered_monotonic_ns"] for part in parts}
    for frame in frames:
        since_ns = triggered_ns.get(frame["part"], frame["captured_monotonic_ns"])
        seen.judged_after_a_change_by_the_one_before += _was_in_effect(frame, since_ns, periods, done_ns)
    for part in parts:
        own = {(frame["bundle"], frame["threshold"]) for frame in frames if frame["part"] == part["part"]}
        assert len(own) == 1, f"the frames of {part} were judged by {own}"
        assert {bundle for bundle, _ in own} == {part["bundle"]}
    _check_scores(line, frames)


def _missing(frames: Sequence[dict[str, Any]]) -> int:
    missing = 0
    for camera in CAMERAS:
        numbers = [frame["frame"] for frame in frames if frame["camera"] == camera]
        assert len(numbers) == len(set(numbers)), f"{camera}: a frame has two verdicts"
        missing += max(numbers) - len(numbers)
    return missing


def _periods(line: RegistryLine, changes: Sequence[dict[str, Any]]) -> Iterator[Period]:
    """What was in effect, in order; each change tells what it found."""
    before = Period(line.coarse.path.name, line.coarse.calibration.threshold, 0, 0)
    yield before
    for change in changes:
        assert (change["bundle_before"], change["threshold_before"]) == (before.bundle, before.threshold)
        before = Period(change["bundle"], change["threshold"], change["sequence"], change["changed_monotonic_ns"])
        yield before


def _was_in_effect(frame: dict[str, Any], since_ns: int, periods: Sequence[Period], done_ns: Sequence[int]) -> bool:
    """A frame is judged by what was in effect when it came, or when its part was triggered; `since_ns` is when it was
    captured, or its part triggered. Returns whether that was no longer in effect when its verdict was told."""
    told = [index for index, period in enumerate(periods) if period.sequence < frame["sequence"]]
    judged_by = (frame["bundle"], frame["threshold"])
    for index in reversed(told):
        if (periods[index].bundle, periods[index].threshold) == judged_by:
            # The next change may have been in effect when this frame was captured, for a frame takes its time to come,
            # but it cannot have been before it was asked for, nor after whoever asked was told that it is done.
            superseded = index + 1 < len(periods) and index + 1 in told
            assert not superseded or since_ns < done_ns[index], f"{frame} came after change {index + 1}"
            return superseded
    raise AssertionError(f"{frame} was judged by what never was in effect before it")


def _check_scores(line: RegistryLine, frames: Sequence[dict[str, Any]]) -> None:
    expected = {
        bundle.path.name: [_score(bundle, _picture(index)) for index in range(PICTURES)]
        for bundle in (line.coarse, line.fine)
    }
    outcomes = set()
    for frame in frames:
        if frame["outcome"] == "ERROR":
            continue
        score = expected[frame["bundle"]][int(Path(frame["source"]).stem)]
        assert abs(frame["score"] - score) <= SCORE_TOLERANCE * score, f"{frame['score']}, wanted {score}: {frame}"
        assert (frame["outcome"] == "FAIL") == (frame["score"] >= frame["threshold"])
        outcomes.add((frame["bundle"], frame["outcome"]))
    assert len(outcomes) == 4, f"only {outcomes}"


def _score(bundle: Bundle, picture: Any) -> float:
    """As the bundle's graph would say: the mean of its map's largest cells. The picture is one tile of any geometry."""
    distance = expected_distance(picture[None], bundle.centroids, bundle.manifest.tile.cell)
    return float(np.sort(distance.ravel())[-TOP_CELLS:].mean())


def main() -> None:
    """Switch as often as asked, and say what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.switching", description=__doc__)
    parser.add_argument("--activations", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inspectd-switching-") as folder:
        seen = switching(Path(folder), WARM_UP + arguments.activations, WARM_UP)
    for resource, most in (("memory", 1.05), ("descriptors", 1.02), ("threads", 1.05)):
        first, last = seen.growth[resource]
        assert last <= first * most, f"{resource}: {first} at first, {last} in the end"
    print(json.dumps(asdict(seen), indent=1))


if __name__ == "__main__":
    main()
