"""The bundle that ships with the demonstration, and the one command that makes it.

`inspectd-train demo-bundle` photographs the good half of the wall and runs `inspectd-train fit` on it. Run again, it
makes a bundle that judges alike; `--check` makes one and holds the shipped one against it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from engines.bundle import Bundle, open_bundle
from engines.onnx import OnnxEngine
from tools.demo.web import good_pictures, web_frames
from tools.errors import FitError, ToolsError
from tools.inspection import inspect

SHIPPED = Path(__file__).parent / "bundles"
SURFACE = "brick"
PICTURES = 120
FALSE_REJECTS = 0.01
SEED = 0
CENTROIDS = 1024
"""As many as keep the bundle small: it lies in the repository."""
MAX_BYTES = 8_000_000
CHECK_FRAMES = 40
SCORE_TOLERANCE = 0.05
"""Largest difference of scores in units of the threshold. Training on another processor sums in another order, and the
embedder's path parts from the first by a little more with every step; verdicts must still be the same."""


def shipped_bundle() -> Path:
    """Directory of the bundle that ships.

    Raises:
        ToolsError: it is not there, as in an installation from a wheel.
    """
    found = sorted(path for path in SHIPPED.glob(f"{SURFACE}-*") if path.is_dir()) if SHIPPED.is_dir() else []
    if len(found) != 1:
        raise ToolsError(
            f"{SHIPPED}: {len(found)} bundles, one is wanted; run from a clone of the repository, or make it with "
            "'inspectd-train demo-bundle'"
        )
    return found[0]


def make_bundle(out: Path) -> Path:
    """Photograph good wall and learn it; returns the new bundle's directory below `out`.

    Raises:
        ToolsError: it was not learned, or is too large to ship.
    """
    with tempfile.TemporaryDirectory(prefix="inspectd-demo-") as scratch:
        good = Path(scratch)
        for index, picture in enumerate(good_pictures(PICTURES, SEED)):
            cv2.imwrite(str(good / f"{index:04d}.png"), picture)
        before = set(out.glob("*")) if out.is_dir() else set()
        options = ["--surface", SURFACE, "--seed", str(SEED), "--false-rejects", str(FALSE_REJECTS)]
        options += ["--centroids", str(CENTROIDS), "--beside", "none"]
        command = [sys.executable, "-m", "tools.cli", "fit", "--good", str(good), "--out", str(out), *options]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own program
            raise ToolsError("the bundle was not made; the reason stands above")
    (bundle,) = (path for path in out.glob(f"{SURFACE}-*") if path not in before)
    size = sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file())
    if size > MAX_BYTES:
        raise ToolsError(f"{bundle}: {size / 1e6:.1f} MB, more than the {MAX_BYTES / 1e6:.0f} MB that may ship")
    return bundle


def differences(shipped: Bundle, made: Bundle) -> list[str]:
    """In what two bundles differ that should be alike; empty where they judge alike."""
    return _differences_in_writing(shipped, made) + _differences_in_judging(shipped, made)


def _differences_in_writing(shipped: Bundle, made: Bundle) -> list[str]:
    pairs = {
        "method": (shipped.manifest.method, made.manifest.method),
        "backbone": (shipped.manifest.backbone, made.manifest.backbone),
        "tile": (shipped.manifest.tile, made.manifest.tile),
        "embedding": (shipped.centroids.shape, made.centroids.shape),
        "good pictures": (shipped.manifest.training.fingerprint, made.manifest.training.fingerprint),
        "top_cells": (shipped.calibration.top_cells, made.calibration.top_cells),
    }
    return [f"{name}: ships {a}, made {b}" for name, (a, b) in pairs.items() if a != b]


def _differences_in_judging(shipped: Bundle, made: Bundle) -> list[str]:
    found = []
    with OnnxEngine(shipped) as first, OnnxEngine(made) as second:
        for index, (picture, _, _) in enumerate(web_frames(CHECK_FRAMES, SEED), start=1):
            rgb = np.repeat(picture[..., None], 3, axis=2)
            a, b = (_relative_score(engine, bundle, rgb) for engine, bundle in ((first, shipped), (second, made)))
            if abs(a - b) > SCORE_TOLERANCE * max(a, 1.0):
                found.append(f"frame {index}: score {a:.3f} of the threshold ships, {b:.3f} made")
    return found


def _relative_score(engine: OnnxEngine, bundle: Bundle, rgb: NDArray[np.uint8]) -> float:
    score = inspect(engine, bundle.manifest.tile, bundle.calibration, rgb).score
    return score / bundle.calibration.threshold


def demo_bundle(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the bundle goes.", show_default="where it ships")
    ] = SHIPPED,
    check: Annotated[
        bool, typer.Option("--check", help="Make it elsewhere, and hold the one that ships against it.")
    ] = False,
) -> None:
    """Make the demonstration's bundle from the good half of scikit-image's brick wall."""
    if not check:
        typer.echo(make_bundle(out))
        return
    with tempfile.TemporaryDirectory(prefix="inspectd-check-") as scratch:
        problems = differences(open_bundle(shipped_bundle()), open_bundle(make_bundle(Path(scratch))))
    if problems:
        raise FitError("the bundle that ships is not what its command makes:\n  " + "\n  ".join(problems))
    typer.echo("The bundle that ships judges as one made now does.")
