"""Scores of both models against each other, as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from inspectd.shadow.figures import Pair

SIDE: Final = 400
"""Of the chart, px."""
LEFT: Final = 46
BOTTOM: Final = 40
LEAST_REACH: Final = 1.6
MOST_REACH: Final = 2.5
"""In thresholds; what lies beyond is drawn at the border."""


def scatter(pairs: Sequence[Pair]) -> str:
    """A dot for each frame: to the right the running model's score, upwards the candidate's, over the threshold."""
    reach = min(MOST_REACH, max([LEAST_REACH, *(1.05 * max(pair.running, pair.candidate) for pair in pairs)]))
    one = SIDE / reach
    dots = "".join(_dot(pair, one, reach) for pair in pairs)
    return (
        f'<svg viewBox="0 0 {LEFT + SIDE + 8} {SIDE + BOTTOM + 8}" role="img" aria-label="scores of both models">'
        f'<g transform="translate({LEFT},8)">'
        f'<rect class="odd" x="0" y="0" width="{one:.1f}" height="{SIDE - one:.1f}"/>'
        f'<rect class="odd" x="{one:.1f}" y="{SIDE - one:.1f}" width="{SIDE - one:.1f}" height="{one:.1f}"/>'
        f'<path class="axis" d="M0 0V{SIDE}H{SIDE}"/>'
        f'<path class="threshold" d="M{one:.1f} 0V{SIDE}M0 {SIDE - one:.1f}H{SIDE}"/>'
        f"{dots}{''.join(_ticks(one, reach))}"
        f'<text x="{SIDE}" y="{SIDE + 34}" text-anchor="end">running: score ÷ threshold</text>'
        f'<text transform="translate(-34,0) rotate(-90)" text-anchor="end">candidate: score ÷ threshold</text>'
        f'<text class="word" x="8" y="18">only the candidate fails</text>'
        f'<text class="word" x="{SIDE - 8}" y="{SIDE - 10}" text-anchor="end">only the running model fails</text>'
        "</g></svg>"
    )


def _dot(pair: Pair, one: float, reach: float) -> str:
    x, y = one * min(pair.running, reach), SIDE - one * min(pair.candidate, reach)
    apart = (pair.running >= 1) != (pair.candidate >= 1)
    return f'<circle{" class=apart" if apart else ""} cx="{x:.1f}" cy="{y:.1f}" r="{3.2 if apart else 2.2}"/>'


def _ticks(one: float, reach: float) -> Iterable[str]:
    step = 0.5 if reach < 3 else 1.0
    for index in range(int(reach / step) + 1):
        at = one * step * index
        yield f'<text x="{at:.1f}" y="{SIDE + 16}" text-anchor="middle">{step * index:g}</text>'
        yield f'<text x="-8" y="{SIDE - at + 4:.1f}" text-anchor="end">{step * index:g}</text>'
