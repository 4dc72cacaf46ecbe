"""`./demo`: the main job from end to end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engines.errors import EnginesError
from inspectd.errors import InspectdError
from inspectd.watch import format_line
from tools.demo.bundle import shipped_bundle
from tools.demo.folder import split_folder
from tools.demo.outcome import match, outcome_table, outcome_words, tally
from tools.demo.picture import write_picture
from tools.demo.scene import Scene, web_scene
from tools.demo.show import inspect_scene, set_up
from tools.errors import ToolsError

SEED = 7
console = Console()
app = typer.Typer(add_completion=False)


@app.command()
def demo(
    surface: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Your own surface: a folder of good pictures, or one with good/, a folder for each kind of defect and "
            "perhaps ground_truth/. Two thirds of the good ones are learned, the rest is inspected.",
        ),
    ] = None,
    frames: Annotated[int, typer.Option(min=4, help="Frames of the brick web.")] = 60,
    rate: Annotated[float, typer.Option(min=0, help="Frames a second; 0 is as fast as they are inspected.")] = 6.0,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where everything goes; what an earlier run left there is replaced.")
    ] = Path("demo-out"),
) -> None:
    """Start the real daemon on a real surface, show every verdict, and hold them against the truth."""
    workspace = _empty(out)
    if surface is None:
        console.print(f"A moving brick wall: {frames} frames, a quarter of them with a defect, {rate:g} a second.")
        scene, bundle = web_scene(workspace, frames, SEED), shipped_bundle()
    else:
        scene, bundle = _learn(surface, workspace)
        rate = 0.0
    console.print(f"Bundle: {bundle}")
    _inspect(workspace, scene, bundle, rate)


def _learn(surface: Path, workspace: Path) -> tuple[Scene, Path]:
    """Learn the user's good pictures with `inspectd-train fit`, as the user would."""
    split = split_folder(surface, workspace, SEED)
    count = len(list(split.learned.iterdir()))
    console.print(f"Learning {count} good pictures of {surface}; {len(split.scene.truth)} others will be inspected.")
    if split.seen:
        console.print(f"[yellow]{split.seen} of them show what is learned: the good pictures overlap.[/yellow]")
    bundles = workspace / "bundles"
    command = [sys.executable, "-m", "tools.cli", "fit", "--good", split.learned, "--out", bundles, "--beside", "none"]
    fit = subprocess.run([*map(str, command), "--surface", "mine"], check=False)  # noqa: S603 - our own program
    if fit.returncode:
        raise ToolsError("the surface was not learned; the reason stands above")
    return split.scene, next(path for path in bundles.iterdir() if not path.name.startswith("."))


def _inspect(workspace: Path, scene: Scene, bundle: Path, rate: float) -> None:
    stand = set_up(workspace, scene, bundle, rate)
    console.print(f"Daemon: inspectd run {stand.configuration}\n")
    heard = inspect_scene(
        stand, scene, lambda verdict: console.print(format_line(verdict), no_wrap=True, overflow="ellipsis")
    )
    said = match(scene, heard.verdicts)
    picture = workspace / "frames.png"
    write_picture(picture, said, heard.maps)
    (workspace / "outcome.json").write_text(json.dumps(tally(said), indent=1) + "\n")
    console.print()
    console.print(outcome_table(said))
    console.print(outcome_words(said))
    console.print(f"First verdict {heard.first_after_s:.1f} s after the daemon was started.")
    console.print(f"Picture of frames, maps and outlined defects: {picture}", style="bold")


def _empty(out: Path) -> Path:
    """An empty workspace; only what looks like an earlier run's is removed."""
    if out.exists() and any(out.iterdir()) and not (out / ".inspectd-demo").exists():
        raise ToolsError(f"--out {out}: holds something else already; name an empty or a new folder")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / ".inspectd-demo").touch()
    return out


def main() -> None:
    """Run, and end with a message instead of a traceback where something went wrong."""
    try:
        app(standalone_mode=True)
    except (ToolsError, InspectdError, EnginesError) as error:
        Console(stderr=True).print(f"demo: {error}", style="red", markup=False)
        sys.exit(getattr(error, "exit_code", 1))


if __name__ == "__main__":
    main()
