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
from tools.fit.candidates import CSE, LEARNED, LEARNED_MARGIN, WHITENED, Candidate
from tools.fit.frames import Judged, JudgedFrames
from tools.fit.splits import Split
from tools.fit.train import Epoch
from tools.report.fit_report import Example, FitReport, render

_MEANINGS = {
    WHITENED: "whitened features with many centroids",
    LEARNED: "the embedder learned by contrast, with one centroid",
    CSE: "both side by side",
}
_EXAMPLES = 3


@dataclass(frozen=True)
class Story:
    """What happened in a fit."""

    parts: Split
    loaded: Loaded
    candidates: Sequence[Candidate]
    chosen: Candidate
    epochs: Sequence[Epoch]
    judged: JudgedFrames
    tiles: int

    def choices(self) -> list[str]:
        """What the program chose and why, a sentence each."""
        geometry, parts = self.parts.geometry, self.parts
        told = [
            f"Tiles of {geometry.size} px, overlapping {geometry.overlap} px.",
            f"{len(parts.train)} {parts.by} were learned, {len(parts.held_out)} others held out for the threshold.",
        ]
        if parts.by == "blocks":
            told.append("There are too few pictures to split them whole, so each was cut into blocks.")
        if len(self.candidates) == 1:
            return [*told, "Whitened features alone, as asked."]
        compared = ", ".join(f"{_MEANINGS[each.name]} {each.auroc:.3f}" for each in self.candidates)
        return [
            *told,
            f"AUROC of held-out good tiles against held-out synthetic defects: {compared}.",
            f"Ships {self.chosen.name}: {_MEANINGS[self.chosen.name]}; what was learned from synthetic defects ships "
            f"only beside whitened features, and where the two together lead by {LEARNED_MARGIN}.",
        ]


def figures(story: Story, calibration: Calibration, seconds: dict[str, float]) -> dict[str, float]:
    """Measured figures by name."""
    measured = {f"synthetic_tile_auroc_{each.name.replace('-', '_')}": each.auroc for each in story.candidates}
    good = [each.score for each in story.judged.good]
    for name, judged in (("synthetic", story.judged.spoilt), ("defect", story.judged.defective)):
        scores = [each.score for each in judged]
        if scores:
            measured[f"{name}_image_auroc"] = _auroc(good, scores)
            measured[f"{name}_detection"] = float(np.mean(np.array(scores) >= calibration.threshold))
    return measured | {"fit_s": sum(seconds.values())}


def make_report(story: Story, manifest: Manifest, calibration: Calibration, seconds: dict[str, float]) -> str:
    """`report.html`."""
    judged = story.judged
    centroids = story.chosen.centroids
    return render(
        FitReport(
            surface=manifest.surface,
            created_utc=manifest.created_utc,
            bundle_note=(
                f"{len(centroids)} centroids of {centroids.shape[1]} values, method {manifest.method}, "
                f"{_count(story.parts)}, seed {manifest.training.seed}."
            ),
            method=f"{manifest.method}: {_MEANINGS[manifest.method]}",
            backbone=f"{manifest.backbone.name}, weights from {manifest.backbone.weights_source}",
            geometry=manifest.tile,
            pictures=len(story.parts.train),
            held_out_pictures=len(story.parts.held_out),
            tiles=story.tiles,
            defect_pictures=len(judged.defective),
            calibration=calibration,
            synthetic_scores=np.array([each.score for each in judged.spoilt]),
            defect_scores=np.array([each.score for each in judged.defective]) if judged.defective else None,
            losses=[(epoch.number, epoch.contrast, epoch.reconstruction) for epoch in story.epochs],
            figures=manifest.figures,
            seconds=dict(seconds),
            choices=story.choices(),
            examples=_examples(judged, manifest.tile.cell),
        )
    )


def _count(parts: Split) -> str:
    return f"{len(parts.train)} {parts.by} learned and {len(parts.held_out)} held out"


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
