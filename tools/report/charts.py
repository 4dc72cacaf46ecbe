"""The report's charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tools.evaluate.metrics import roc
from tools.report.inline_svg import DEFECTIVE, GOOD, INK, LIMIT, PERCENT, SYNTHETIC, drawing, svg

LOGARITHMIC_FROM = 12
"""Scores are drawn on a logarithmic axis where the largest is so many times the threshold."""


def histogram(
    good: NDArray[np.float64], synthetic: NDArray[np.float64], defective: NDArray[np.float64], threshold: float
) -> str:
    """Scores of held-out good pictures against those of defective ones, and the threshold."""
    named = (
        ("good, held out", good, GOOD),
        ("synthetic defects", synthetic, SYNTHETIC),
        ("real defects", defective, DEFECTIVE),
    )
    groups = [group for group in named if group[1].size]
    with drawing(8.4, 3.2) as figure:
        axes = figure.subplots()
        bins = _bins(np.concatenate([scores for _, scores, _ in groups]), threshold)
        for name, scores, colour in groups:
            weights = np.full(scores.size, 1 / scores.size)
            label = f"{name} ({scores.size})"
            fill: dict[str, Any] = {"facecolor": (colour, 0.3), "edgecolor": colour, "linewidth": 1.4}
            axes.hist(scores, bins.tolist(), weights=weights, histtype="stepfilled", label=label, **fill)
        if good.size <= 60:  # so few that each may be seen
            axes.plot(good, np.zeros(good.size), "|", color=GOOD, markersize=9, clip_on=False)
        axes.axvline(threshold, color=LIMIT, linewidth=1.6, label=f"threshold {threshold:.4g}")
        if bins[-1] > LOGARITHMIC_FROM * threshold:
            axes.set_xscale("log")
        axes.set_xlim(bins[0], bins[-1])
        axes.set_ylim(bottom=0)
        axes.set_xlabel("score")
        axes.yaxis.set_major_formatter(PERCENT)
        axes.set_ylabel("share of the pictures")
        axes.legend(loc="upper right")
        return svg(figure, "histogram", "Histogram of the scores of good and defective pictures")


def roc_chart(
    good: NDArray[np.float64], synthetic: NDArray[np.float64], defective: NDArray[np.float64], threshold: float
) -> str:
    """Detection against false rejects over all thresholds; the shipped one is marked."""
    with drawing(4.1, 3.6) as figure:
        axes = figure.subplots()
        for name, scores, colour in (("real defects", defective, DEFECTIVE), ("synthetic", synthetic, SYNTHETIC)):
            if scores.size:
                axes.plot(*roc(good, scores), color=colour, label=name, linewidth=1.6)
                axes.plot((good >= threshold).mean(), (scores >= threshold).mean(), "o", color=colour, clip_on=False)
        axes.plot([0, 1], [0, 1], ":", color=INK, linewidth=0.8)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.01)
        axes.set_xlabel("false rejects")
        axes.set_ylabel("detection")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PERCENT)
        axes.legend(loc="lower right")
        return svg(figure, "roc", "Detection against false rejects")


def training_curve(losses: Sequence[tuple[int, float, float | None]]) -> str:
    """The losses over the steps of training; the decoder's only where there is one."""
    steps, contrast, decoder = zip(*losses, strict=True)
    curves = [(contrast, "contrast loss", SYNTHETIC), (decoder, "decoder loss", GOOD)]
    shown = curves if None not in decoder else curves[:1]
    with drawing(4.2 * len(shown), 2.5) as figure:
        for axes, (values, name, colour) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            _curve(axes, steps, values, name, colour)
        return svg(figure, "training", "Losses over the steps of training")


def _curve(axes: Axes, steps: Sequence[int], losses: Sequence[float], name: str, colour: str) -> None:
    axes.plot(steps, losses, color=colour, linewidth=1.5, marker="." if len(steps) < 30 else None)
    axes.set_title(name, fontsize=10, loc="left")
    axes.set_xlabel("step")
    axes.set_ylim(bottom=0)


def _bins(scores: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    high = max(float(scores.max()), threshold) * 1.03
    if high > LOGARITHMIC_FROM * threshold:
        positive = scores[scores > 0]
        low = min(float(positive.min()), threshold) / 1.1
        return np.geomspace(low, high, 60)
    return np.linspace(min(0.0, float(scores.min())), high, 60)
