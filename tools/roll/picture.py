"""The defect map of a roll: along × across, to one scale, broken into rows like the lines of a text.

Defects and stretches that would be too small to see are drawn larger; where they lie and how severe they are is right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from tools.roll.roll import Defect, Roll, Uninspected

WIDTH, MARGIN = 11.0, 0.75
"""Of the picture and beside the rows, inches: A4, held upright or across."""
HEAD, FOOT, BETWEEN = 0.85, 0.95, 0.42
"""Above, below and between the rows, inches."""
PAGE_ACROSS, PAGE_UPRIGHT = 7.4, 15.2
"""Height of the picture, inches, for rolls that fit on a page held across, and for long ones."""
LEAST_ROW = 0.3
"""A row lower than this is hard to read, inches: the page is then held upright."""
SMALLEST = 0.07
"""Side of the smallest mark, inches."""
NUMBERED: Final = 60
"""So many of the most severe defects bear their numbers."""
WORST: Final = 3.0
"""Multiple of the threshold from which on severity is not told apart any more."""
DPI = 150

JUDGED, GAP, ERROR, INK = "#e9eef0", "#6b7780", "#b0304a", "#1c262c"
_SEVERITY: Final[Colormap] = LinearSegmentedColormap.from_list("severity", ["#f7c948", "#e8702a", "#8f1020"])
_NORM: Final = Normalize(1, WORST, clip=True)
_STYLE: Final[dict[Any, Any]] = {
    "font.size": 8,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.linewidth": 0.5,
}


def save_map(roll: Roll, file: Path) -> None:
    """Write the map as PNG.

    Raises:
        OSError: it cannot be written.
    """
    with mpl.rc_context(_STYLE):
        sheet = Sheet.of(roll)
        figure = Figure((WIDTH, sheet.height), dpi=DPI, facecolor="white")
        _head(figure, sheet, roll)
        for row in sheet.rows:
            _row(figure, sheet, row, roll)
        _foot(figure, sheet, roll)
        figure.savefig(file, format="png", metadata={"Software": None})


@dataclass(frozen=True)
class Row:
    """A piece of the roll, mm along it, and where it is drawn, inches from the lower left corner."""

    begin: float
    end: float
    bottom: float


@dataclass(frozen=True)
class Sheet:
    """How a roll is laid out."""

    height: float
    """Of the picture, inches."""
    inches_per_mm: float
    row_height: float
    left: float
    """Of the roll, mm across."""
    right: float
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, roll: Roll) -> Sheet:
        """Break the roll into as many rows as fill the page, so that the scale is as large as can be."""
        left, right = min(lane.left for lane in roll.lanes), max(lane.right for lane in roll.lanes)
        length, across = max(roll.end - roll.begin, 1e-6), max(right - left, 1e-6)
        count = _rows(length, across, PAGE_ACROSS)
        if _row_height(length / count, across) < LEAST_ROW:
            count = _rows(length, across, PAGE_UPRIGHT)
        piece = _round_up(length / count) if count > 1 else length
        count = math.ceil(length / piece - 1e-9)
        row_height = min(_row_height(piece, across), PAGE_ACROSS - HEAD - FOOT)
        height = HEAD + count * row_height + (count - 1) * BETWEEN + FOOT
        rows = tuple(
            Row(
                roll.begin + index * piece,
                min(roll.begin + (index + 1) * piece, roll.end),
                height - HEAD - (index + 1) * row_height - index * BETWEEN,
            )
            for index in range(count)
        )
        return cls(height, row_height / across, row_height, left, right, rows)

    @property
    def smallest_mm(self) -> float:
        """Length of the smallest mark."""
        return SMALLEST / self.inches_per_mm


def _row_height(piece: float, across: float) -> float:
    return (WIDTH - 2 * MARGIN) * across / piece


def _rows(length: float, across: float, page: float) -> int:
    """Most rows that fit on a page, one at least."""
    count = 1
    while HEAD + (count + 1) * (_row_height(length / (count + 1), across) + BETWEEN) + FOOT <= page:
        count += 1
    return count


def _round_up(length: float) -> float:
    """The next round number."""
    power = 10.0 ** math.floor(math.log10(length))
    return next(
        step * power for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= length * (1 - 1e-9)
    )


def _head(figure: Figure, sheet: Sheet, roll: Roll) -> None:
    first, last = roll.verdicts[0], roll.verdicts[-1]
    left = MARGIN / WIDTH
    figure.text(left, 1 - 0.28 / sheet.height, f"{first.surface} · {first.publisher}", fontsize=12, weight="bold")
    count = len(roll.defects)
    facts = [
        f"{count} defect{'' if count == 1 else 's'}",
        f"{_percent(roll.inspected_share)} of {_length(roll.end - roll.begin)} inspected",
        f"verdicts {first.sequence} to {last.sequence}",
        f"{first.captured_utc[:16].replace('T', ' ')} to {last.captured_utc[:16].replace('T', ' ')} UTC",
    ]
    if roll.unplaced:
        facts.append(f"{roll.unplaced} verdicts without a place are not drawn")
    figure.text(left, 1 - 0.5 / sheet.height, "  ·  ".join(facts), fontsize=8.5)


def _row(figure: Figure, sheet: Sheet, row: Row, roll: Roll) -> None:
    size = (row.end - row.begin) * sheet.inches_per_mm, sheet.row_height
    axes = figure.add_axes(
        (MARGIN / WIDTH, row.bottom / sheet.height, size[0] / WIDTH, size[1] / sheet.height), facecolor="white"
    )
    axes.set_xlim(row.begin, row.end)
    axes.set_ylim(sheet.left, sheet.right)
    for lane in roll.lanes:
        axes.add_patch(
            Rectangle(
                (lane.begin, lane.left),
                lane.end - lane.begin,
                lane.right - lane.left,
                facecolor=JUDGED,
                edgecolor="white",
                linewidth=0.6,
            )
        )
    for stretch in roll.uninspected:
        if stretch.begin <= row.end and stretch.end >= row.begin:
            _draw_stretch(axes, sheet, stretch, roll)
    worst = sorted(roll.defects, key=lambda defect: -defect.severity)[:NUMBERED]
    numbered = {defect.number for defect in worst}
    for defect in roll.defects:
        _draw_defect(axes, sheet, row, defect, defect.number in numbered)
    _label(axes, sheet, row is sheet.rows[-1])


def _draw_stretch(axes: Axes, sheet: Sheet, stretch: Uninspected, roll: Roll) -> None:
    lane = next(lane for lane in roll.lanes if lane.camera == stretch.camera)
    missing = max(0.0, sheet.smallest_mm / 2 - (stretch.end - stretch.begin))
    axes.add_patch(
        Rectangle(
            (stretch.begin - missing / 2, lane.left),
            stretch.end - stretch.begin + missing,
            lane.right - lane.left,
            **_hatched(error=bool(stretch.reasons)),
        )
    )


def _hatched(*, error: bool) -> dict[str, Any]:
    colour = ERROR if error else GAP
    return {"facecolor": "white", "edgecolor": colour, "linewidth": 0.6, "hatch": "xxxx" if error else "//////"}


def _draw_defect(axes: Axes, sheet: Sheet, row: Row, defect: Defect, numbered: bool) -> None:
    if defect.begin is None or defect.end is None or defect.end < row.begin or defect.begin > row.end:
        return
    colour = _SEVERITY(_NORM(defect.severity))
    begin, length = _enlarged(defect.begin, defect.end, sheet.smallest_mm, row.begin, row.end)
    left, width = _enlarged(defect.left, defect.right, sheet.smallest_mm, sheet.left, sheet.right)
    corner = begin, left
    axes.add_patch(Rectangle(corner, length, width, facecolor=colour, edgecolor=INK, linewidth=0.5, zorder=3))
    if numbered and row.begin <= defect.begin < row.end:
        axes.annotate(
            str(defect.number),
            (min(begin + length, row.end), left + width),
            xytext=(1.5, 0.5),
            textcoords="offset points",
            fontsize=6,
            zorder=4,
            annotation_clip=False,
        )


def _enlarged(begin: float, end: float, least: float, first: float, last: float) -> tuple[float, float]:
    """Begin and length of what is to be drawn `least` long, within `first` to `last` where it was."""
    if end - begin >= least:
        return begin, end - begin
    middle = (begin + end) / 2
    return max(first, min(middle - least / 2, last - least)), least


def _label(axes: Axes, sheet: Sheet, last: bool) -> None:
    axes.tick_params(length=2.5, width=0.5, pad=1.5, labelsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda mm, _: f"{mm / 1000:,.10g}"))
    axes.yaxis.set_major_locator(FixedLocator([sheet.left, sheet.right]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda mm, _: f"{mm:,.6g}"))
    if last:
        axes.set_xlabel("along the web, m", fontsize=8, loc="left", labelpad=2)
    axes.set_ylabel("across, mm", fontsize=6.5)


def _foot(figure: Figure, sheet: Sheet, roll: Roll) -> None:
    figure.legend(
        handles=list(_legend(roll)),
        loc="lower left",
        bbox_to_anchor=(MARGIN / WIDTH, 0.12 / sheet.height),
        ncols=2,
        frameon=False,
        borderaxespad=0,
        borderpad=0,
        fontsize=8,
        handlelength=2.2,
        handleheight=1.2,
    )
    bar = figure.add_axes((0.72, 0.3 / sheet.height, 0.21, 0.12 / sheet.height))
    ticks = [1, 1.5, 2, 2.5, WORST]
    colours = figure.colorbar(ScalarMappable(_NORM, _SEVERITY), cax=bar, orientation="horizontal", ticks=ticks)
    colours.ax.set_xticklabels(["1", "1.5", "2", "2.5", f"{WORST:g}+"])
    colours.ax.tick_params(length=2, width=0.5, pad=1, labelsize=7)
    bar.set_title("severity: peak ÷ threshold", fontsize=7.5, loc="left", pad=2)


def _legend(roll: Roll) -> Iterator[Patch | Line2D]:
    yield Patch(facecolor=JUDGED, edgecolor=GAP, linewidth=0.4, label="inspected")
    yield Patch(**_hatched(error=True), label="ERROR: not inspected")
    yield Patch(**_hatched(error=False), label="went past between frames")
    numbers = f"the {NUMBERED} most severe are numbered" if len(roll.defects) > NUMBERED else "numbered as in the list"
    yield Patch(facecolor=_SEVERITY(0.5), edgecolor=INK, linewidth=0.5, label=f"defect, {numbers}")


def _length(mm: float) -> str:
    return f"{mm / 1000:,.4g} m" if mm >= 1000 else f"{mm:.4g} mm"


def _percent(share: float) -> str:
    """Never 100 % where anything is missing."""
    return "100 %" if share >= 1 else f"{min(99.99, 100 * share):.2f} %"
