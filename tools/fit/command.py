"""`inspectd-train fit`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from tools.backbones import BACKBONES
from tools.errors import RegressionError
from tools.fit import options
from tools.fit.asked import FEWEST_SYNTHETIC, MOST_SYNTHETIC, FitOptions, surface_name
from tools.fit.cache import default_folder
from tools.fit.found import find_pictures
from tools.fit.methods import METHODS
from tools.fit.splits import DEFAULT_OVERLAP, SMALLEST_TILE
from tools.fit.steps import Steps
from tools.fit.telling import tell, write_result

if TYPE_CHECKING:
    from tools.fit.surface import Fitted

_ALIGNMENT = 32
_SURFACE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DEFAULT_METHOD = next(iter(METHODS))


def fit(
    good: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of good pictures, of any size.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that the bundle is written into.", show_default=False)
    ],
    defects: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of defective pictures, or of folders of them; they measure, nothing is learned from them.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="ARCHIVE",
            help="Archive whose pictures were labelled ('inspectd-train label'): its false alarms are learned as well, "
            "and the bundle is tested on its regression set.",
        ),
    ] = None,
    regression: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Regression set to test the bundle on.", show_default="that of --labels, if any"
        ),
    ] = None,
    surface: Annotated[
        str | None, typer.Option(metavar="NAME", help="What is inspected. Default: by the folder's name.")
    ] = None,
    backbone: Annotated[str, typer.Option(help=f"One of {', '.join(BACKBONES)}.")] = options.DEFAULT_BACKBONE,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The backbone's weights: .safetensors or .pth.")
    ] = None,
    tile: Annotated[str, typer.Option(metavar="auto|N", help="Side of a tile, px; a multiple of 32.")] = "auto",
    overlap: Annotated[int, typer.Option(min=0, help="Least overlap of neighbouring tiles, px.")] = DEFAULT_OVERLAP,
    false_rejects: Annotated[float, typer.Option(min=1e-6, max=0.5, help="Share of good frames that may fail.")] = 0.01,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything that is drawn at random.")] = 0,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Finds in a file's name what pictures that are not independent have in common, such as the number of "
            "the part they show: 'num_([0-9]+)' groups exp1_num_7.jpg and exp2_num_7.jpg. A group is learned or held "
            "out whole. Pictures that overlap are found without it.",
        ),
    ] = None,
    centroids: Annotated[str, typer.Option(metavar="auto|N", help="Centroids of good, at most 4096.")] = "auto",
    synthetic: Annotated[
        str,
        typer.Option(
            metavar="auto|N",
            help="Synthetic defects to learn from. auto: 16 for each good tile, 600 to 14400; 300 where all pictures "
            "overlap. Fewer are learned sooner.",
        ),
    ] = "auto",
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = _DEFAULT_METHOD,
    beside: Annotated[
        str,
        typer.Option(
            metavar="all|none|NAME,…",
            help="Methods to learn as well, on the same features, and to name beside the one that ships.",
        ),
    ] = "all",
    magnify: Annotated[
        str,
        typer.Option(metavar="auto|N", help=options.MAGNIFY_HELP),
    ] = "auto",
    mm_per_px: Annotated[float | None, typer.Option(min=1e-9, help="Scale, so that regions have mm.")] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Cache of features.", show_default="inspectd/features in ~/.cache"),
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out pictures that cannot be used, rather than refuse.")
    ] = False,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write path, threshold and figures to this file, as JSON.")
    ] = None,
) -> None:
    """Learn a surface from good pictures and write its bundle.

    A fit that was interrupted has kept what it computed of your pictures: give
    the same command again. It ends with 1 where the bundle, which is written all
    the same, misses a defect of the regression set that was found before.
    """
    console = Console(stderr=True)
    wanted = FitOptions(
        good=good,
        out=out,
        cache=cache or default_folder(),
        surface=_surface(surface, good),
        defects=defects,
        labels=labels,
        regression=regression,
        backbone=options.backbone(backbone),
        weights=weights,
        tile=_tile(tile, overlap),
        overlap=overlap,
        centroids=_centroids(centroids),
        synthetic=_synthetic(synthetic),
        method=_method(method),
        beside=_beside(beside, method),
        magnify=options.magnify(magnify),
        false_rejects=false_rejects,
        seed=seed,
        mm_per_px=mm_per_px,
        skip_unreadable=skip_unreadable,
        group=options.group(group),
    )
    steps = Steps(console)
    found = find_pictures(wanted, steps)
    with steps.step("loading PyTorch"):
        # What is wrong with options or pictures was told by now, for this takes seconds.
        from tools.fit.surface import fit_surface  # noqa: PLC0415
    fitted = fit_surface(wanted, found, steps)
    tell(console, fitted, defects is not None, good)
    if json:
        write_result(json, fitted)
    typer.echo(fitted.bundle.path)
    _check_regression(fitted)


def _check_regression(fitted: Fitted) -> None:
    """Whoever lets a script put the bundle to work must not overlook what it has unlearned."""
    lost = [each.case for each in fitted.tested if each.lost]
    if lost:
        raise RegressionError(
            f"{fitted.bundle.path.name} misses {len(lost)} of the defects that were found before, such as "
            f"{lost[0].picture}. It was written; do not put it to work before you have looked at its report. Good "
            "pictures that show such defects, or too low a --false-rejects, are the usual causes"
        )


def _surface(given: str | None, good: Path) -> str:
    name = given or surface_name(good)
    if not _SURFACE.fullmatch(name):
        raise typer.BadParameter(
            f"--surface {name!r}: lower-case letters, digits, '-' and '_', at most 64, as in 'brick-red'"
        )
    return name


def _tile(given: str, overlap: int) -> int | Literal["auto"]:
    if given == "auto":
        return "auto"
    if not given.isdecimal() or int(given) % _ALIGNMENT or not SMALLEST_TILE <= int(given) <= 1024:
        raise typer.BadParameter(
            f"--tile {given!r}: 'auto' or a multiple of {_ALIGNMENT} from {SMALLEST_TILE} to 1024, as in 256"
        )
    if overlap > int(given) // 2:
        raise typer.BadParameter(f"--overlap {overlap}: at most half of the tile, {int(given) // 2} px")
    return int(given)


def _synthetic(given: str) -> int | Literal["auto"]:
    if given == "auto":
        return "auto"
    if not given.isdecimal() or not FEWEST_SYNTHETIC <= int(given) <= MOST_SYNTHETIC:
        raise typer.BadParameter(
            f"--synthetic {given!r}: 'auto' or a number from {FEWEST_SYNTHETIC} to {MOST_SYNTHETIC}"
        )
    return int(given)


def _centroids(given: str) -> int | Literal["auto"]:
    if given == "auto":
        return "auto"
    if not given.isdecimal() or not 1 <= int(given) <= 4096:
        raise typer.BadParameter(f"--centroids {given!r}: 'auto' or a number from 1 to 4096")
    return int(given)


def _method(given: str) -> str:
    if given not in METHODS:
        raise typer.BadParameter(f"--method {given!r}: there are {', '.join(METHODS)}")
    return given


def _beside(given: str, method: str) -> tuple[str, ...]:
    if given in {"all", "none"}:
        return tuple(name for name in METHODS if name != method) if given == "all" else ()
    names = [name.strip() for name in given.split(",")]
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise typer.BadParameter(f"--beside {unknown[0]!r}: 'all', 'none', or some of {', '.join(METHODS)}")
    return tuple(name for name in METHODS if name in names and name != method)
