"""The charts of a shift."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from inspectd.wire.models import Change, Outcome
from tools.report.inline_svg import DEFECTIVE, GOOD, INK, LIMIT, PERCENT, SYNTHETIC, drawing, svg
from tools.shift.places import Places
from tools.shift.reading import Window
from tools.shift.tally import BINS

COLOURS = {Outcome.PASS: GOOD, Outcome.FAIL: LIMIT, Outcome.ERROR: DEFECTIVE}
HATCHES = {Outcome.PASS: "", Outcome.FAIL: "////", Outcome.ERROR: "...."}
"""Colours alone tell nothing to many a reader, nor on a printer without any."""
STEPS_H = 1 / 60, 5 / 60, 0.25, 0.5, 1.0, 2.0, 6.0, 24.0, 168.0
MOST_TICKS = 10
QUANTILES = 0.05, 0.5, 0.95


def yield_chart(window: Window, over_time: dict[Outcome, NDArray[np.int64]], changes: Sequence[Change]) -> str:
    """Verdicts over time, stacked, and the share that passed."""
    times = _middles(window)
    total = sum(over_time.values(), np.zeros(BINS, np.int64))
    with drawing(8.4, 3.4) as figure:
        counts, share = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        below = np.zeros(BINS)
        width = (times[1] - times[0]) * 0.92
        for outcome in Outcome:
            values = over_time[outcome]
            counts.bar(
                times, values, width, bottom=below, label=outcome, color=COLOURS[outcome], hatch=HATCHES[outcome],
                edgecolor=INK, linewidth=0.2,
            )  # fmt: skip
            below = below + values
        counts.set_ylabel("frames")
        counts.legend(loc="upper left", ncols=3, bbox_to_anchor=(0, 1.18))
        passed = np.divide(over_time[Outcome.PASS], total, out=np.full(BINS, np.nan), where=total > 0)
        share.plot(times, passed, color=GOOD, linewidth=1.6, marker=".")
        share.set_ylim(0, 1.03)
        share.yaxis.set_major_formatter(PERCENT)
        share.set_ylabel("passed")
        _mark(share, window, changes)
        _time_axis(share, window)
        return svg(figure, "yield", "Verdicts over time, and the share of frames that passed")


def score_chart(camera: str, window: Window, bins: Sequence[Sequence[float]], changes: Sequence[Change]) -> str:
    """How a camera's scores moved against their threshold: the middle, and where nine of ten frames lie."""
    times = _middles(window)
    quantiles = np.array([np.quantile(scores, QUANTILES) if scores else [np.nan] * 3 for scores in bins])
    with drawing(8.4, 2.3) as figure:
        axes = figure.subplots()
        axes.fill_between(times, quantiles[:, 0], quantiles[:, 2], color=SYNTHETIC, alpha=0.3, linewidth=0)
        axes.plot(times, quantiles[:, 1], color=SYNTHETIC, linewidth=1.6, marker=".")
        axes.axhline(1.0, color=LIMIT, linewidth=1.4)
        axes.set_ylim(0, max(1.15, float(np.nanmax(quantiles, initial=0.0)) * 1.05))
        axes.set_ylabel("score / threshold")
        _mark(axes, window, changes)
        _time_axis(axes, window)
        return svg(figure, f"scores-{camera}", f"Scores of camera {camera} over time, against the threshold")


def place_chart(camera: str, places: Places, background: NDArray[np.uint8] | None) -> str:
    """Where on a camera's frames defects fell: a heat map, over a good picture where there is one."""
    width, height = places.size
    shown_width = min(8.4, 3.6 * width / height)
    with drawing(shown_width + 0.9, shown_width * height / width + 0.5) as figure:
        axes = figure.subplots()
        extent = (0, width, height, 0)
        if background is not None:
            axes.imshow(background.mean(axis=2), cmap="gray", extent=extent, vmin=0, vmax=255, alpha=0.55)
        heat = np.ma.masked_equal(places.hits, 0)
        image = axes.imshow(heat, cmap="inferno_r", extent=extent, alpha=0.75, vmin=0, interpolation="nearest")
        figure.colorbar(image, ax=axes, label="frames with a defect here", shrink=0.85)
        axes.set_xlabel("px")
        for side in ("top", "right"):
            axes.spines[side].set_visible(True)
        return svg(figure, f"places-{camera}", f"Where on the frames of camera {camera} defects fell")


def pareto_chart(name: str, counts: Counter[str], description: str) -> str:
    """Counts from the largest down, and their running share."""
    rows = counts.most_common()
    values = np.array([count for _, count in rows], np.float64)
    with drawing(4.6, 0.5 + 0.28 * len(rows)) as figure:
        axes = figure.subplots()
        positions = np.arange(len(rows))
        axes.barh(positions, values, color=SYNTHETIC, height=0.7)
        for position, value, share in zip(positions, values, np.cumsum(values) / values.sum(), strict=True):
            axes.text(float(value), float(position), f" {value:.0f}  ({share:.0%})", va="center", fontsize=9)
        axes.set_yticks(positions, [label for label, _ in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, values.max() * 1.3)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        return svg(figure, f"pareto-{name}", description)


def _middles(window: Window) -> NDArray[np.float64]:
    """The middles of the bins, hours since the shift began."""
    return (np.arange(BINS, dtype=np.float64) + 0.5) * (window.seconds / 3600 / BINS)


def _time_axis(axes: Axes, window: Window) -> None:
    """Ticks at round times of this PC's clock."""
    length = window.seconds / 3600
    begin = window.since.astimezone()
    step = next((step for step in STEPS_H if length / step <= MOST_TICKS), STEPS_H[-1])
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    offset = (begin - midnight).total_seconds() / 3600
    ticks = [tick for index in range(1000) if (tick := step * (math.ceil(offset / step) + index) - offset) <= length]
    written = "%H:%M" if length <= 24 else "%d %b %H:%M"
    axes.set_xlim(0, length)
    axes.set_xticks(ticks, [f"{begin + timedelta(hours=tick):{written}}" for tick in ticks])


def _mark(axes: Axes, window: Window, changes: Sequence[Change]) -> None:
    """A line where model or threshold were changed."""
    for change in changes:
        passed = datetime.fromisoformat(change.changed_utc) - window.since
        axes.axvline(passed.total_seconds() / 3600, color=INK, linestyle=":", linewidth=1)
