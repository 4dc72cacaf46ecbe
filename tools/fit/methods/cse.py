"""CSE as it ships: a bank of good beside evidence that was learned by contrast.

Evidence learned from drawn defects may say nothing of real ones. So it is learned two more times, each time from half
of the kinds, and judged on the other half: where defects of kinds that it never saw are told apart worse with it than
without, it does not ship. Where both do as well, it does, for its maps are finer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from tools.fit.extract import FeatureSet
from tools.fit.methods.evidence import train_evidence
from tools.fit.methods.linear import fit_whitened
from tools.fit.models import Model, Scores, auroc, tile_scores
from tools.fit.sets import TrainingSet
from tools.method.evidence import Evidence
from tools.method.score import top_cells, top_mean
from tools.method.scorers import FINE, BankScorer, CseScorer

EVIDENCE_SCALE = 0.3
"""How much a nat of evidence beyond what good pictures show counts, against the distance that they typically have. From
0.15 to 0.5 image AUROC changes by a point at most on papers and on magnetic tiles; from 0.8 on, drawn defects
overrule what good looks like."""
LEAST_DISCOUNT = 0.0
"""Nats. Where good pictures show less than even odds anywhere, evidence counts from even odds."""


def fit_cse(data: TrainingSet) -> Model:
    """The bank of good with learned evidence, or alone where evidence does harm on kinds of defects it has not seen."""
    whitened = fit_whitened(data)
    plain = tile_scores(whitened, data.held_out)
    trial = _trial(whitened, plain, data)
    figures = {"unseen_kinds_auroc_cse": trial.with_evidence, "unseen_kinds_auroc_whitened": trial.without}
    told = (
        f"On kinds of synthetic defects that it had not seen, learned evidence beside whitened features reached AUROC "
        f"{trial.with_evidence:.3f}, whitened features alone {trial.without:.3f}"
    )
    if not trial:
        return replace(whitened, figures=figures, choices=(f"{told}: whitened features ship without it.",))
    evidence, losses = train_evidence(data.good, data.spoilt, data.channels, data.seed)
    both = _with_evidence(whitened, plain, evidence, data)
    return replace(both, losses=losses, figures=figures, choices=(f"{told}: both ship, side by side.",))


@dataclass(frozen=True)
class _Trial:
    """AUROC of held-out good tiles against held-out synthetic defects of kinds that evidence had not seen."""

    with_evidence: float
    without: float

    def __bool__(self) -> bool:
        return round(self.with_evidence, 3) >= round(self.without, 3)


def _trial(whitened: Model, plain: Scores, data: TrainingSet) -> _Trial:
    """`plain`: what `whitened` says of the held-out good tiles."""
    kinds = sorted({*data.spoilt.kinds, *data.held_out_spoilt.kinds})
    results = []
    for half in (frozenset(kinds[::2]), frozenset(kinds[1::2])):
        seen, unseen = data.spoilt.of_kinds(half), data.held_out_spoilt.of_kinds(frozenset(kinds) - half)
        if not len(seen) or not len(unseen):
            continue
        evidence, _ = train_evidence(data.good, seen, data.channels, data.seed)
        both = _with_evidence(whitened, plain, evidence, data)
        good = tile_scores(both, data.held_out)
        results.append(
            [auroc(good, tile_scores(both, unseen.features)), auroc(plain, tile_scores(whitened, unseen.features))]
        )
    if not results:  # a single kind was drawn: nothing speaks for evidence, so it does not ship
        return _Trial(0.0, 1.0)
    return _Trial(*np.mean(results, axis=0).tolist())


def _with_evidence(whitened: Model, plain: Scores, evidence: Evidence, data: TrainingSet) -> Model:
    assert isinstance(whitened.scorer, BankScorer)
    cells = top_cells(FINE, int(np.prod(data.good.fine.shape[2:])))
    evidence.discount(max(LEAST_DISCOUNT, _typical(evidence, data.held_out, cells)))
    scales = 1 / max(float(plain.mean()), 1e-6), EVIDENCE_SCALE
    scorer = CseScorer(whitened.scorer.projection, evidence, scales).eval()
    return replace(whitened, method="cse", scorer=scorer, top_cells=cells)


@torch.inference_mode()
def _typical(evidence: Evidence, good: FeatureSet, cells: int) -> float:
    """The median over good tiles of the logit that their largest cells have."""
    return float(torch.cat([top_mean(evidence.logits(lot), cells) for lot in good.lots()]).median())
