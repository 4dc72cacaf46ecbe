"""What a fit has to say: figures for the manifest, sentences for people, and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from calib.calibration import Calibration
from engines.manifest import Manifest
from tools.backbones.weights import Loaded
from tools.evaluate.tables import BESIDE
from tools.fit import lessons
from tools.fit.comparison import Compared
from tools.fit.frames import Judged, JudgedFrames
from tools.fit.lessons import Tested
from tools.fit.methods import METHODS
from tools.fit.models import Model
from tools.fit.splits import Split
from tools.report.fit_report import Example, FitReport, render

_EXAMPLES = 3


@dataclass(frozen=True)
class Story:
    """What happened in a fit."""

    parts: Split
    loaded: Loaded
    compared: Sequence[Compared]
    """The method that was asked for first."""
    model: Model
    judged: JudgedFrames
    tiles: int
    tested: Sequence[Tested] = ()
    """On the regression set."""

    def choices(self) -> list[str]:
        """What the program chose and why, a sentence each."""
        geometry, parts = self.parts.geometry, self.parts
        told = [
            f"Tiles of {geometry.size} px, overlapping {geometry.overlap} px.",
            f"{_count(parts)} for the threshold.",
        ]
        if self.parts.magnify > 1:
            told.append(f"The pictures are small, so the network sees them enlarged {self.parts.magnify} times.")
        if parts.by == "blocks":
            told.append("There are too few pictures to split them whole, so each was cut into blocks.")
        told += _of_groups(parts)
        if picked := sum(part.picture.picked for part in parts.train):
            told.append(f"Of those learned, {picked} were false alarms that a person labelled good; none is held out.")
        told += self.model.choices
        if len(self.compared) > 1:
            reached = ", ".join(f"{each.method} {each.auroc:.3f}" for each in self.compared)
            told.append(f"AUROC of held-out good tiles against held-out synthetic defects: {reached}.")
        border = self.judged.border
        if border and border[0] > 1:
            told.append(
                f"At the frame's edge good pictures score {border[0]:.2f} times as high as inside; "
                f"maps are levelled by it over {len(border)} cells."
            )
        return told

    def warnings(self) -> list[str]:
        """What whoever puts the bundle to work has to know first; as a rule nothing."""
        parts = self.parts
        if not parts.seen:
            return []
        if parts.one_print:
            return [
                f"Good {parts.by} lie over each other from border to border, as parts with one print do, and were "
                "taken for different parts. If they show one and the same part, the threshold is too low for others: "
                "take pictures of more parts."
            ]
        return [
            f"{parts.seen} of the {len(parts.held_out)} held-out {parts.by} show surface that is learned as well, "
            "since nearly all overlap, or show one print that repeats. The threshold is too low for surface that was "
            "not photographed, and fewer synthetic defects were drawn, lest evidence knows this piece by heart. Take "
            "pictures of more surface."
        ]


def figures(story: Story, calibration: Calibration, seconds: dict[str, float]) -> dict[str, float]:
    """Measured figures by name."""
    measured = {f"{BESIDE}{each.method.replace('-', '_')}": each.auroc for each in story.compared}
    measured |= story.model.figures
    good = [each.score for each in story.judged.good]
    for name, judged in (("synthetic", story.judged.spoilt), ("defect", story.judged.defective)):
        scores = [each.score for each in judged]
        if scores:
            measured[f"{name}_image_auroc"] = _auroc(good, scores)
            measured[f"{name}_detection"] = float(np.mean(np.array(scores) >= calibration.threshold))
    measured |= lessons.figures(story.tested)
    low, high = calibration.interval
    return measured | {
        "target_false_rejects": calibration.target_false_rejects,
        "observed_false_rejects": calibration.observed_false_rejects,
        "false_rejects_low": low,
        "false_rejects_high": high,
        "fit_s": sum(seconds.values()),
    }


def make_report(story: Story, manifest: Manifest, calibration: Calibration, seconds: dict[str, float]) -> str:
    """`report.html`."""
    judged = story.judged
    centroids = story.model.centroids
    return render(
        FitReport(
            surface=manifest.surface,
            created_utc=manifest.created_utc,
            bundle_note=(
                f"{len(centroids)} centroids of {centroids.shape[1]} values, method {manifest.method}, "
                f"{_count(story.parts)}, seed {manifest.training.seed}."
            ),
            method=f"{manifest.method}: {METHODS[manifest.method].meaning}",
            backbone=f"{manifest.backbone.name}, weights from {manifest.backbone.weights_source}",
            geometry=manifest.tile,
            pictures=len(story.parts.train),
            held_out_pictures=len(story.parts.held_out),
            by=story.parts.by,
            groups=story.parts.groups,
            tiles=story.tiles,
            defect_pictures=len(judged.defective),
            calibration=calibration,
            synthetic_scores=np.array([each.score for each in judged.spoilt]),
            defect_scores=np.array([each.score for each in judged.defective]) if judged.defective else None,
            losses=[(each.step, each.contrast, each.reconstruction) for each in story.model.losses],
            compared=[(each.method, METHODS[each.method].meaning, each.auroc) for each in story.compared],
            figures=manifest.figures,
            seconds=dict(seconds),
            choices=story.choices(),
            warnings=story.warnings(),
            regression=lessons.rows(story.tested),
            examples=_examples(judged, manifest.tile.cell),
        )
    )


def _count(parts: Split) -> str:
    return f"{len(parts.train)} {parts.by} learned and {len(parts.held_out)} held out"


def _of_groups(parts: Split) -> list[str]:
    if parts.groups is None:
        one = parts.train[0].picture.group
        return [f"All are of one group, {one!r}, of which blocks were learned and held out alike."] if one else []
    learned, held_out = parts.groups
    together = {
        "groups": "Groups stayed whole",
        "pieces": "Pictures that show the same piece of surface stayed together, in pieces",
        "stretches": f"The {parts.by} overlap from one to the next and were cut into stretches",
    }
    told = [f"{together[parts.units]}: {learned} learned and {held_out} held out."]
    if parts.aside:
        told.append(f"{parts.aside} {parts.by} reach over a cut, and were left out.")
    if (count := parts.independent) < len(parts.held_out):
        told.append(
            f"Those that show the same count once together for the threshold: the {len(parts.held_out)} held out as "
            f"{count}."
        )
    return told


def _auroc(good: Sequence[float], defective: Sequence[float]) -> float:
    truth = np.repeat([0, 1], [len(good), len(defective)])
    return float(roc_auc_score(truth, np.concatenate([good, defective])))


def _examples(judged: JudgedFrames, cell: int) -> list[Example]:
    """Of good ones those that scored highest, of defects as many kinds as there are."""
    shown = [
        *sorted(_with_pixels(judged.good), key=lambda each: -each.score)[:_EXAMPLES],
        *_varied(_with_pixels(judged.defective))[:_EXAMPLES],
        *_varied(_with_pixels(judged.spoilt))[:_EXAMPLES],
    ]
    return [Example(each.label, each.pixels, each.distance, cell, each.score, each.mask) for each in shown]


def _with_pixels(judged: Sequence[Judged]) -> list[Judged]:
    return [each for each in judged if each.pixels.size]


def _varied(judged: Sequence[Judged]) -> list[Judged]:
    seen: Counter[str] = Counter()
    order = []
    for each in judged:
        order.append(seen[each.label])
        seen[each.label] += 1
    return [each for _, each in sorted(zip(order, judged, strict=True), key=lambda pair: pair[0])]
