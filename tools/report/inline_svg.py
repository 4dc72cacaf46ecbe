"""Charts as inline SVG, whose ink takes the colour of the page's text, light or dark."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

GOOD: Final = "#2f9e63"
SYNTHETIC: Final = "#8a7fd6"
DEFECTIVE: Final = "#e0833a"
LIMIT: Final = "#d63b4f"
INK: Final = "#010203"
"""No chart uses this colour for anything else; it becomes the page's own."""
PERCENT: Final = FuncFormatter(lambda value, _: f"{100 * value:.3g} %")

_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """An empty figure in the page's style, in inches."""
    with mpl.rc_context(_STYLE):
        yield Figure((width, height), layout="constrained")


def svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an SVG element that scales with the page. `name` keeps the ids of several charts apart."""
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Title": description})
    text = stream.getvalue()
    return text[text.index("<svg") :].replace(INK, "currentColor")
