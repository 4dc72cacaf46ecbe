"""`inspectd-train study`."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console

from tools.backbones import BACKBONES
from tools.errors import OutputError
from tools.evaluate.sheets import write_sheets
from tools.fit import options
from tools.fit.cache import check_folder, default_folder
from tools.fit.methods import METHODS
from tools.fit.steps import Steps
from tools.study.design import Design, Half
from tools.study.division import look
from tools.study.plot import save_plot
from tools.study.results import Result
from tools.study.tables import as_json, as_markdown
from tools.study.trial import Outcome, run_trial
from tools.study.views import NATIVE, View, parse_view, show


def study(
    data: Annotated[
        list[Path],
        typer.Option(
            metavar="DIR",
            help="A surface: good/, a folder for each kind of defect, and their ground_truth/, as for evaluate. "
            "Give it several times for several surfaces.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Gets study.md, study.json and study.png.")],
    methods: Annotated[
        str, typer.Option(metavar="NAME,…", help=f"Of {', '.join(METHODS)}.", show_default="all")
    ] = ",".join(METHODS),
    seeds: Annotated[str, typer.Option(metavar="N,…", help="Each splits, draws and trains in its own way.")] = "0,1,2",
    train: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Share of the good pictures to learn.", show_default="2/3")
    ] = 2 / 3,
    view: Annotated[
        list[str],
        typer.Option(help="'native', or '256-crop-224': resized to 256×256 px, its middle 224 px kept. May repeat."),
    ] = [NATIVE],  # noqa: B006 - typer copies it
    half: Annotated[
        str,
        typer.Option(
            help="Defective pictures to inspect: all; even or odd ones by position in their folder, so that one half "
            "can be looked at and the other kept for the closing table."
        ),
    ] = "all",
    group: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Pictures that share it stay together, as in fit.")
    ] = None,
    mixed: Annotated[
        bool,
        typer.Option(
            "--mixed",
            help="Draw pictures one by one even if they show the same surface, as publications do: parts that were "
            "learned are then inspected as well, and figures are better than on a line.",
        ),
    ] = False,
    false_rejects: Annotated[
        float, typer.Option(min=1e-6, max=0.5, help="Share of good pictures that may fail.")
    ] = 0.05,
    backbone: Annotated[str, typer.Option(help=f"One of {', '.join(BACKBONES)}.")] = options.DEFAULT_BACKBONE,
    magnify: Annotated[str, typer.Option(metavar="auto|N", help=options.MAGNIFY_HELP)] = "auto",
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Cache of features, shared by all trials.")] = None,
    other_levelling: Annotated[
        bool,
        typer.Option(
            "--other-levelling",
            help="Run each method a second time: without levelling at the frame's edge if it has it, with it if not.",
        ),
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Also write contact sheets of the worst, per method.")
    ] = False,
) -> None:
    """Run methods on surfaces with several seeds, and write one table and one plot.

    Every method learns the same tiles on the same features, is scored alike, and
    inspects good pictures that it has never seen beside the defective ones; those
    that show the same surface are all learned or all inspected.
    Medians and ranges are over seeds.
    """
    console = Console(stderr=True)
    _check_names(data)
    asked = _methods(methods)
    views = [_view(each) for each in view]
    design = Design(
        train,
        _half(half),
        false_rejects,
        options.group(group),
        options.backbone(backbone),
        options.magnify(magnify),
        cache or default_folder(),
        mixed,
        other_levelling,
    )
    wanted_seeds = _seeds(seeds)
    _make(out)
    check_folder(design.cache)
    results: list[Result] = []
    command = shlex.join(["inspectd-train", *sys.argv[1:]])
    for folder, each in product(data, views):
        surface = folder.resolve().name if each.name == NATIVE else f"{folder.resolve().name} {each.name}"
        steps = Steps(console, quiet=True)
        with tempfile.TemporaryDirectory(prefix="inspectd-study-") as scratch:
            shown = look(show(each, folder, Path(scratch)), design, steps)
            for seed in wanted_seeds:
                console.print(f"[bold]{surface}, seed {seed}[/bold]")
                for outcome in run_trial(shown, asked, seed, design, steps):
                    _tell(console, outcome)
                    results.append(Result(surface, outcome.method, outcome.shipped, seed, outcome.figures))
                    if pictures:
                        _sheets(out / "pictures" / surface.replace(" ", "-") / f"{outcome.method}-{seed}", outcome)
                # Written after each trial: a long study that is stopped has lost nothing.
                _write(out / "study.md", as_markdown(results, command, false_rejects))
                _write(out / "study.json", as_json(results, command, false_rejects))
                save_plot(results, out / "study.png")
    typer.echo(out / "study.md")


def _sheets(folder: Path, outcome: Outcome) -> None:
    write_sheets(folder, outcome.judged, threshold=outcome.calibration.threshold, cell=outcome.cell)


def _tell(console: Console, outcome: Outcome) -> None:
    reached = outcome.figures
    values = (reached.image_auroc, reached.pixel_auroc, reached.aupro, reached.false_rejects)
    shown = " ".join("    —  " if value is None else f"{value:7.4f}" for value in values)
    console.print(
        f"  {outcome.method:<28} image, pixel AUROC, AUPRO, false rejects {shown}", highlight=False, soft_wrap=True
    )


def _methods(given: str) -> list[str]:
    wanted = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in METHODS]
    if unknown or not wanted:
        raise typer.BadParameter(f"--methods {given!r}: some of {', '.join(METHODS)}, separated by commas")
    return list(dict.fromkeys(wanted))


def _check_names(folders: list[Path]) -> None:
    named = Counter(folder.resolve().name for folder in folders)
    twice = [name for name, count in named.items() if count > 1]
    if twice:
        raise typer.BadParameter(f"--data: two folders are named {twice[0]!r}; a surface goes by its folder's name")


def _seeds(given: str) -> list[int]:
    try:
        seeds = [int(each) for each in given.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise typer.BadParameter(f"--seeds {given!r}: numbers from 0 on, separated by commas, as in 0,1,2")
    return list(dict.fromkeys(seeds))


def _view(given: str) -> View:
    try:
        return parse_view(given)
    except ValueError as error:
        raise typer.BadParameter(f"--view {error}") from error


def _half(given: str) -> Half:
    for half in get_args(Half):
        if given == half:
            chosen: Half = half
            return chosen
    raise typer.BadParameter(f"--half {given!r}: one of {', '.join(get_args(Half))}")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"--out {folder}: cannot be made: {error.strerror or error}") from error


def _write(file: Path, content: str) -> None:
    try:
        file.write_text(content)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror or error}") from error
