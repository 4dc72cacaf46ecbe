"""Proof that half precision judges as float32 does: both are run on the CPU, on golden tiles and on pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import onnx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engines.bundle import Bundle
from engines.errors import BuildError
from engines.precision.safety import TOLERANCE, Agreement, GraphRun, HalfRun, check_half, check_range
from tools.build.options import BuildOptions
from tools.build.pictures import judge_twice, pictures_below


@dataclass(frozen=True)
class Proof:
    """How half precision does on a bundle."""

    golden: Agreement
    pictures: Agreement | None
    """None where no pictures were named."""
    largest: dict[str, float]
    """Magnitude by layer, over all tiles seen."""

    def as_json(self) -> dict[str, Any]:
        """For the built engine's report."""
        return {
            "golden": self.golden.as_json(),
            "pictures": None if self.pictures is None else self.pictures.as_json(),
            "largest": self.largest,
        }


def prove(console: Console, bundle: Bundle, half: onnx.ModelProto, options: BuildOptions) -> Proof:
    """Run both precisions on the golden tiles, and on pictures where some are named.

    A picture whose score lies closer to the threshold than rounding reaches may be judged otherwise: that is told, not
    refused.

    Raises:
        BuildError: a layer overflows, a golden tile's verdict is another, or scores differ by more than `TOLERANCE`.
        PictureError: a picture cannot be used.
    """
    run = HalfRun(half, bundle.centroids, threads=options.threads)
    golden = check_half(bundle, run)
    if options.images is None:
        return Proof(golden, None, run.largest)
    pictures = _on_pictures(console, bundle, run, options)
    check_range(bundle, run)
    if pictures.error.max() > TOLERANCE:
        raise BuildError(
            f"bundle {bundle.path.name}: half precision is not safe on --images {options.images}: {pictures}; "
            "build with --precision fp32"
        )
    return Proof(golden, pictures, run.largest)


def _on_pictures(console: Console, bundle: Bundle, half: HalfRun, options: BuildOptions) -> Agreement:
    assert options.images is not None
    full = GraphRun(bundle.model, bundle.centroids, threads=options.threads)
    pictures = pictures_below(options.images, options.at_most)
    columns = TextColumn("judging twice"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(pictures))
        return judge_twice(bundle, full, half, pictures, partial(progress.advance, task))
