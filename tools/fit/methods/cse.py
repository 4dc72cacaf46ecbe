"""CSE as it ships: a bank of good beside evidence that was learned by contrast, drawn in detail by colour.

Evidence learned from drawn defects may say nothing of real ones. So it is learned two more times, each time from half
of the kinds, and judged on the other half: where defects of kinds that it never saw are told apart worse with it than
without, by more than chance or without their places being found better, it does not ship. Detail ships where it finds
the places of held-out synthetic defects better than maps without it, and so do specks.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from calib.heatmap import enlarge
from tools.evaluate.metrics import PixelCurves
from tools.fit.extract import FeatureSet
from tools.fit.methods.evidence import train_evidence
from tools.fit.methods.linear import fit_whitened
from tools.fit.methods.unseen import Reached, Told, Trial, trial
from tools.fit.models import Model, Scores, tile_maps, tile_scores
from tools.fit.sets import TrainingSet
from tools.fit.spoilt import SpoiltSet
from tools.method.detail import SPECKS, Detail
from tools.method.evidence import Evidence
from tools.method.score import top_cells, top_mean
from tools.method.scorers import DETAIL, FINE, BankScorer, CseScorer, DetailedScorer

LEAST_SPREAD = 3.0
"""Nats. Where good pictures differ by less, evidence counts as if they differed by that: pictures that were held out
among few, or on one day, tell too little of how others will differ."""
LEAST_DISCOUNT = 0.0
"""Nats. Where good pictures show less than even odds anywhere, evidence counts from even odds."""
UNTRIED = (
    "Synthetic defects of a single kind were drawn, so nothing tells whether evidence helps on others: whitened "
    "features ship without it."
)
LOCATED = 200
"""Held-out tiles of each sort at most on which places are looked for."""


def fit_cse(data: TrainingSet) -> Model:
    """The bank of good with learned evidence and detail, or alone where evidence does harm on kinds of defects it has
    not seen."""
    bank = fit_whitened(data)
    plain = tile_scores(bank, data.held_out)
    tried = _trial(bank, plain, data)
    if tried is None:
        return replace(bank, choices=(UNTRIED,))
    if not tried.passed:
        return replace(bank, figures=tried.figures, choices=(str(tried),))
    evidence, losses = train_evidence(*data.contrast.of_kinds(data.contrast.kinds), data.channels, data.seed)
    both = _with_evidence(bank, plain, evidence, data)
    return _with_detail(replace(both, losses=losses, figures=tried.figures, choices=(str(tried),)), data)


def _trial(bank: Model, plain: Scores, data: TrainingSet) -> Trial | None:
    """Evidence of half of the kinds on the other half; None where a single kind was drawn. `plain`: what `bank` says of
    the held-out good tiles."""
    kinds = sorted({*data.contrast.kinds, *data.held_out_spoilt.kinds})
    tried, pairs = [], []
    for half in (frozenset(kinds[::2]), frozenset(kinds[1::2])):
        unseen = data.held_out_spoilt.of_kinds(frozenset(kinds) - half)
        if half.isdisjoint(data.contrast.kinds) or not len(unseen):
            continue
        evidence, _ = train_evidence(*data.contrast.of_kinds(half), data.channels, data.seed)
        both = _with_evidence(bank, plain, evidence, data)
        tried.append((both, unseen))
        pairs.append(
            (
                Told(tile_scores(both, data.held_out), tile_scores(both, unseen.features)),
                Told(plain, tile_scores(bank, unseen.features)),
            )
        )
    if not pairs:
        return None
    result = trial(pairs)
    if not result.doubtful:
        return result
    places = [[_located(model, data.held_out, unseen) for model in (both, bank)] for both, unseen in tried]
    return replace(result, aupro=Reached(*np.mean(places, axis=0).tolist()))


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
    """`model` with its map sharpened by colour, and specks of colour drawn, where that finds places better; else as it
    is. And why."""
    assert isinstance(model.scorer, CseScorer)
    cells = top_cells(DETAIL, int(np.prod(data.good.colour.shape[2:])))
    sharp, specks = (
        replace(model, scorer=DetailedScorer(model.scorer, detail).eval(), top_cells=cells)
        for detail in _details(data, cells)
    )
    found = [_located(each, data.held_out, data.held_out_spoilt) for each in (model, sharp, specks)]
    best = int(np.argmax(found))
    end = ("they stay without", "colour draws them", "colour draws them, and specks")[best]
    told = (
        f"Where held-out synthetic defects lie, maps tell with an AUPRO of {found[0]:.3f}, with the detail of colour "
        f"of {found[1]:.3f}, with its specks as well of {found[2]:.3f}: {end}."
    )
    names = ("synthetic_aupro_plain", "synthetic_aupro_detailed", "synthetic_aupro_speckled")
    figures = {**model.figures, **dict(zip(names, found, strict=True))}
    return replace((model, sharp, specks)[best], figures=figures, choices=(*model.choices, told))


@torch.inference_mode()
def _details(data: TrainingSet, cells: int) -> tuple[Detail, Detail]:
    """Without specks, and with them."""
    detail = Detail()
    detail.fit(torch.from_numpy(data.good.colour.astype(np.float32)))
    held_out = detail.deviation(torch.from_numpy(data.held_out.colour.astype(np.float32)))
    detail.divide(max(float(top_mean(held_out, cells).quantile(0.5)), 1e-6))
    specks = Detail(SPECKS)
    specks.load_state_dict(detail.state_dict())
    return detail, specks


def _located(model: Model, good: FeatureSet, spoilt: SpoiltSet) -> float:
    """AUPRO on good tiles and on synthetic defects."""
    good, defective = good.only(slice(0, LOCATED)), spoilt.features.only(slice(0, LOCATED))
    maps = np.concatenate([tile_maps(model, lot) for lot in (good, defective)])
    masks: NDArray[np.bool_] = spoilt.masks[:LOCATED]
    size = masks.shape[1]
    curves = PixelCurves(maps)
    for distance, mask in zip(maps, [*np.zeros((len(good), size, size), bool), *masks], strict=True):
        curves.add(enlarge(distance, size // distance.shape[0], size, size), mask)
    found = curves.aupro()
    assert found is not None
    return found
