"""CSE as it ships: a bank of good beside evidence that was learned by contrast, drawn in detail by colour.

Evidence learned from drawn defects may say nothing of real ones. So it is learned two more times, each time from half
of the kinds, and judged on the other half: where defects of kinds that it never saw are told apart worse with it than
without, it does not ship. Where both do as well, it does, for its maps are finer. Detail ships where it finds the
places of held-out synthetic defects as well as maps without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from calib.heatmap import enlarge
from tools.evaluate.metrics import PixelCurves
from tools.fit.extract import FeatureSet
from tools.fit.methods.evidence import train_evidence
from tools.fit.methods.linear import fit_whitened
from tools.fit.models import Model, Scores, auroc, tile_maps, tile_scores
from tools.fit.sets import TrainingSet
from tools.method.detail import Detail
from tools.method.evidence import Evidence
from tools.method.score import top_cells, top_mean
from tools.method.scorers import DETAIL, FINE, BankScorer, CseScorer, DetailedScorer

LEAST_SPREAD = 3.0
"""Nats. Where good pictures differ by less, evidence counts as if they differed by that: pictures that were held out
among few, or on one day, tell too little of how others will differ."""
LEAST_DISCOUNT = 0.0
"""Nats. Where good pictures show less than even odds anywhere, evidence counts from even odds."""
LOCATED = 200
"""Held-out tiles of each sort at most on which detail is tried."""
TOLERANCE = 0.05
"""AUPRO that detail may lose there and ship all the same, for its cells have a quarter of the area: about what other
tiles would move it by. Magnetic tiles and brick lose 0.10 to 0.21 and stay without; papers gain up to 0.06 or lose
0.02, and gain on real defects."""


def fit_cse(data: TrainingSet) -> Model:
    """The bank of good with learned evidence and detail, or alone where evidence does harm on kinds of defects it has
    not seen."""
    bank = fit_whitened(data)
    plain = tile_scores(bank, data.held_out)
    trial = _trial(bank, plain, data)
    figures = {"unseen_kinds_auroc_cse": trial.with_evidence, "unseen_kinds_auroc_whitened": trial.without}
    told = (
        f"On kinds of synthetic defects that it had not seen, learned evidence beside whitened features reached AUROC "
        f"{trial.with_evidence:.3f}, whitened features alone {trial.without:.3f}"
    )
    if not trial:
        return replace(bank, figures=figures, choices=(f"{told}: whitened features ship without it.",))
    evidence, losses = train_evidence(*data.contrast.of_kinds(data.contrast.kinds), data.channels, data.seed)
    both = _with_evidence(bank, plain, evidence, data)
    told = f"{told}: both ship, side by side."
    return _with_detail(replace(both, losses=losses, figures=figures, choices=(told,)), data)


@dataclass(frozen=True)
class _Trial:
    """AUROC of held-out good tiles against held-out synthetic defects of kinds that evidence had not seen."""

    with_evidence: float
    without: float

    def __bool__(self) -> bool:
        return round(self.with_evidence, 3) >= round(self.without, 3)


def _trial(bank: Model, plain: Scores, data: TrainingSet) -> _Trial:
    """`plain`: what `bank` says of the held-out good tiles."""
    kinds = sorted({*data.contrast.kinds, *data.held_out_spoilt.kinds})
    results = []
    for half in (frozenset(kinds[::2]), frozenset(kinds[1::2])):
        unseen = data.held_out_spoilt.of_kinds(frozenset(kinds) - half)
        if half.isdisjoint(data.contrast.kinds) or not len(unseen):
            continue
        evidence, _ = train_evidence(*data.contrast.of_kinds(half), data.channels, data.seed)
        both = _with_evidence(bank, plain, evidence, data)
        good = tile_scores(both, data.held_out)
        results.append(
            [auroc(good, tile_scores(both, unseen.features)), auroc(plain, tile_scores(bank, unseen.features))]
        )
    if not results:  # a single kind was drawn: nothing speaks for evidence, so it does not ship
        return _Trial(0.0, 1.0)
    return _Trial(*np.mean(results, axis=0).tolist())


def _with_evidence(bank: Model, plain: Scores, evidence: Evidence, data: TrainingSet) -> Model:
    assert isinstance(bank.scorer, BankScorer)
    cells = top_cells(FINE, int(np.prod(data.good.fine.shape[2:])))
    typical, strange = _levels(evidence, data.held_out, cells)
    evidence.discount(max(LEAST_DISCOUNT, typical))
    units = max(float(plain.mean()), 1e-6), max(LEAST_SPREAD, strange - typical)
    scorer = CseScorer(bank.scorer.projection, evidence, units).eval()
    return replace(bank, method="cse", scorer=scorer, top_cells=cells)


@torch.inference_mode()
def _levels(evidence: Evidence, good: FeatureSet, cells: int) -> tuple[float, float]:
    """The logit that the largest cells of good tiles have: the median over tiles, and what a tenth exceeds."""
    logits = torch.cat([top_mean(evidence.logits(lot), cells) for lot in good.lots()])
    return float(logits.median()), float(logits.quantile(0.9))


def _with_detail(model: Model, data: TrainingSet) -> Model:
    """`model` with its map sharpened by colour, where that finds places better; else as it is, and why."""
    assert isinstance(model.scorer, CseScorer)
    cells = top_cells(DETAIL, int(np.prod(data.good.colour.shape[2:])))
    scorer = DetailedScorer(model.scorer, _detail(data, cells)).eval()
    sharp = replace(model, scorer=scorer, top_cells=cells)
    found, without = _located(sharp, data), _located(model, data)
    told = (
        f"Where held-out synthetic defects lie, maps with the detail of colour tell with an AUPRO of {found:.3f}, "
        f"without {without:.3f}"
    )
    chosen, end = (sharp, "colour draws them.") if found >= without - TOLERANCE else (model, "they stay without.")
    figures = {**model.figures, "synthetic_aupro_detailed": found, "synthetic_aupro_plain": without}
    return replace(chosen, figures=figures, choices=(*model.choices, f"{told}: {end}"))


@torch.inference_mode()
def _detail(data: TrainingSet, cells: int) -> Detail:
    detail = Detail()
    detail.fit(torch.from_numpy(data.good.colour.astype(np.float32)))
    held_out = detail.deviation(torch.from_numpy(data.held_out.colour.astype(np.float32)))
    detail.divide(max(float(top_mean(held_out, cells).quantile(0.5)), 1e-6))
    return detail


def _located(model: Model, data: TrainingSet) -> float:
    """AUPRO on held-out good tiles and held-out synthetic defects."""
    good, spoilt = data.held_out.only(slice(0, LOCATED)), data.held_out_spoilt
    maps = np.concatenate([tile_maps(model, lot) for lot in (good, spoilt.features.only(slice(0, LOCATED)))])
    masks: NDArray[np.bool_] = spoilt.masks[:LOCATED]
    size = masks.shape[1]
    curves = PixelCurves(maps)
    for distance, mask in zip(maps, [*np.zeros((len(good), size, size), bool), *masks], strict=True):
        curves.add(enlarge(distance, size // distance.shape[0], size, size), mask)
    found = curves.aupro()
    assert found is not None
    return found
