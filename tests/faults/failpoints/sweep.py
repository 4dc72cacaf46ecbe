"""A scene played once for each point."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.failpoints.points import chosen
from tests.faults.failpoints.scene import Scene


@dataclass
class Came:
    """What a scene came to."""

    scene: str
    calls: int
    """That it makes where nothing kills it."""
    kills: int = 0
    at: dict[str, int] = field(default_factory=dict)
    """Kills by call."""
    inconsistencies: list[str] = field(default_factory=list)


def sweep(scene: Scene, least: int) -> Came:
    """Kill it at so many points, or at all that it has, with a restart after each."""
    with tempfile.TemporaryDirectory(prefix="inspectd-calls-") as folder:
        calls = scene.calls(Path(folder))
    came = Came(scene.name, len(calls))
    # No two lives are alike: a point near the end may lie beyond it in another life. A few more make up for those.
    for point in chosen(calls, least + least // 5):
        with tempfile.TemporaryDirectory(prefix="inspectd-kill-") as folder:
            try:
                made = scene.play(Path(folder), point)
            except Exception as error:  # noqa: BLE001 - whatever it is, the state was not seen sound
                came.inconsistencies.append(f"{point}: {error or repr(error)}")
                continue
        if point.number <= len(made):
            came.kills += 1
            call = made[point.number - 1].name
            came.at[call] = came.at.get(call, 0) + 1
    return came
