"""A study as one picture: image AUROC, pixel AUROC and AUPRO of every method on every surface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tools.errors import OutputError
from tools.study.results import FIGURES, Result, names, of, spread

SHOWN = ("image AUROC", "pixel AUROC", "AUPRO")


def save_plot(results: Sequence[Result], file: Path) -> None:
    """Write the plot as PNG: a dot for the median, a bar from the least to the most over seeds.

    Raises:
        OutputError: it cannot be written.
    """
    surfaces, methods = names(results)
    figure = Figure((4.2 * len(SHOWN), 1.4 + 0.5 * len(surfaces)), layout="constrained", dpi=110)
    for index, (axes, name) in enumerate(zip(figure.subplots(1, len(SHOWN), sharey=True), SHOWN, strict=True)):
        _draw(axes, results, surfaces, methods, name)
        if index == 0:
            axes.set_yticks(range(len(surfaces)), surfaces, fontsize=8)
            axes.invert_yaxis()
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(methods), fontsize=8
    )
    try:
        figure.savefig(file)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror or error}") from error


def _draw(axes: Axes, results: Sequence[Result], surfaces: Sequence[str], methods: Sequence[str], name: str) -> None:
    for order, method in enumerate(methods):
        offset = 0.6 * ((order + 0.5) / len(methods) - 0.5)
        rows = [(row, spread(of(results, surface, method), FIGURES[name])) for row, surface in enumerate(surfaces)]
        known = [(row, each) for row, each in rows if each is not None]
        places = [row + offset for row, _ in known]
        axes.hlines(places, [each.least for _, each in known], [each.most for _, each in known], f"C{order}", alpha=0.5)
        axes.plot([each.median for _, each in known], places, "o", color=f"C{order}", label=method, markersize=4)
    axes.set_title(name, fontsize=10, loc="left")
    axes.set_xlim(right=1.005)
    axes.grid(axis="x", alpha=0.3)
