"""`inspectd-train fit`."""

from __future__ import annotations

import json as json_format
import re
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from engines.bundle import REPORT, Bundle
from tools.backbones import BACKBONES
from tools.errors import RegressionError
from tools.fit import options
from tools.fit.cache import default_folder
from tools.fit.lessons import table
from tools.fit.methods import METHODS
from tools.fit.pool import MOST_CONTRASTED
from tools.fit.splits import DEFAULT_OVERLAP, SMALLEST_TILE
from tools.fit.steps import Steps
from tools.fit.surface import FitOptions, Fitted, fit_surface, surface_name
from tools.json_file import write_json

_ALIGNMENT = 32
FEWEST_SYNTHETIC = 100
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
    fitted = fit_surface(wanted, Steps(console))
    _tell(console, fitted, defects is not None, good)
    if json:
        _write_json(json, fitted)
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
    if not given.isdecimal() or not FEWEST_SYNTHETIC <= int(given) <= MOST_CONTRASTED:
        raise typer.BadParameter(
            f"--synthetic {given!r}: 'auto' or a number from {FEWEST_SYNTHETIC} to {MOST_CONTRASTED}"
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


def _tell(console: Console, fitted: Fitted, defects_given: bool, good: Path) -> None:
    bundle = fitted.bundle
    calibration = bundle.calibration
    low, high = calibration.interval
    lines = list(fitted.choices)
    lines.append(
        f"threshold  {calibration.threshold:.4g} ({calibration.method}): {calibration.observed_false_rejects:.1%} of "
        f"{len(calibration.held_out_scores)} held-out good pictures fail, 95 % interval {low:.1%} to {high:.1%}, "
        f"target {calibration.target_false_rejects:.2%}"
    )
    if defects_given:
        measured = bundle.manifest.figures
        lines.append(
            f"defects    image AUROC {measured['defect_image_auroc']:.4f}, found {measured['defect_detection']:.1%}"
        )
    lines.append(f"times      {', '.join(f'{name} {value:.1f} s' for name, value in fitted.seconds.items())}")
    lines.append(f"bundle     {bundle.path} ({_megabytes(bundle):.1f} MB)")
    lines.append(f"report     {bundle.path / REPORT}")
    lines.append(f"next       inspectd-train evaluate {bundle.path} --data {_data_folder(good)}")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    for warning in fitted.warnings:
        console.print(f"warning    {warning}", style="yellow", soft_wrap=True, highlight=False, markup=False)
    if fitted.tested:
        console.print(table(fitted.tested))


def _data_folder(good: Path) -> Path:
    return good.parent if good.name == "good" else good


def _megabytes(bundle: Bundle) -> float:
    return sum(file.stat().st_size for file in bundle.path.rglob("*") if file.is_file()) / 1e6


def _write_json(file: Path, fitted: Fitted) -> None:
    content = {
        "bundle": str(fitted.bundle.path),
        "threshold": fitted.bundle.calibration.threshold,
        "method": fitted.bundle.manifest.method,
        "figures": fitted.bundle.manifest.figures,
        "seconds": fitted.seconds,
        "choices": fitted.choices,
        "warnings": fitted.warnings,
        "regression": [
            {
                "case": each.case.name,
                "lesson": each.case.lesson,
                "expected": each.case.lesson.expected,
                "outcome": each.outcome,
                "score": each.score,
                "lost": each.lost,
            }
            for each in fitted.tested
        ],
    }
    write_json(file, json_format.dumps(content, indent=1) + "\n")
