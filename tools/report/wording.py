"""What the report says in words and numbers."""

from __future__ import annotations

import math

from calib.calibration import Calibration
from calib.threshold import TAIL_LEAST


def threshold_story(calibration: Calibration) -> list[str]:
    """How the threshold came about and what it promises, in sentences."""
    count = len(calibration.held_out_scores)
    target = percent(calibration.target_false_rejects)
    needed = math.ceil(1 / calibration.target_false_rejects - 1 - 1e-9)
    return [_origin(calibration, count, target, needed), _seen(calibration, count), _scope(calibration)]


def _origin(calibration: Calibration, count: int, target: str, needed: int) -> str:
    if calibration.method == "split-conformal":
        return (
            f"Split conformal: of the {count} good pictures that were held out, the score that all but "
            f"{target} of good pictures stay below. Whatever the distribution of the scores, a further good picture "
            f"from the same process fails with a probability of at most {target}."
        )
    if count < TAIL_LEAST:
        return (
            f"Twice the largest score of the {count} good picture{'s' if count > 1 else ''} held out: so few tell "
            f"nothing of how scores spread, and no rate can be promised. {needed} held-out pictures are needed to "
            f"promise {target}; take it as provisional and fit again with more."
        )
    return (
        f"A generalised Pareto tail: the {count} held-out good pictures are fewer than the {needed} that a target of "
        f"{target} needs, so the largest scores were extrapolated, with room for the uncertainty of so few. The "
        "threshold is above every score that was seen. It is provisional: fit again with more good pictures."
    )


def _seen(calibration: Calibration, count: int) -> str:
    rejected = sum(score >= calibration.threshold for score in calibration.held_out_scores)
    low, high = calibration.interval
    return (
        f"Seen: {rejected} of {count} held-out good pictures at or above it, {percent(rejected / count)}. With 95 % "
        f"confidence the true rate lies between {percent(low)} and {percent(high)} (Clopper-Pearson)."
    )


def _scope(calibration: Calibration) -> str:
    return (
        f"The held-out pictures have {calibration.cells_per_picture} cells each (median). A much larger picture has "
        "more chances to reach the threshold; hold out pictures of the size that the cameras deliver."
    )


def percent(value: float) -> str:
    """A fraction of 1 as people read it."""
    return f"{100 * value:.3g} %"


def seconds(value: float) -> str:
    """A duration in s as people read it."""
    if value >= 60:
        return f"{int(value) // 60} min {int(value) % 60:02d} s"
    return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.0f} ms"


def figure(name: str, value: float) -> str:
    """A measured figure by its name: `_s` is a duration, `false_rejects` a share, whole numbers are counts."""
    if name.endswith("_s"):
        return seconds(value)
    if "false_rejects" in name:
        return percent(value)
    if value == int(value) and abs(value) > 1:
        return f"{int(value):,}".replace(",", "\u202f")  # a thin space, which no country reads as a decimal point
    return f"{value:.4g}"
