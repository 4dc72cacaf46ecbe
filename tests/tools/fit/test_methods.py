"""What every method of learning a surface promises, on features made up for the purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the training extra is not installed")
onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.train

from torch import Tensor  # noqa: E402 - not everywhere

from tools.backbones.lite0 import Lite0  # noqa: E402 - needs torch
from tools.backbones.weights import load_backbone  # noqa: E402
from tools.fit.contrast import gather, per_tile  # noqa: E402
from tools.fit.extract import FeatureSet  # noqa: E402
from tools.fit.graph import OPSET, Graph, Head, export, export_extractor  # noqa: E402
from tools.fit.methods import BASELINES, METHODS  # noqa: E402
from tools.fit.methods.cse import fit_cse  # noqa: E402
from tools.fit.methods.evidence import train_evidence  # noqa: E402
from tools.fit.methods.linear import fit_mahalanobis  # noqa: E402
from tools.fit.methods.patchcore import greedy_coreset  # noqa: E402
from tools.fit.methods.published import fit_published  # noqa: E402
from tools.fit.models import Model, tile_maps, tile_scores  # noqa: E402
from tools.fit.sets import TrainingSet  # noqa: E402
from tools.fit.spoilt import SpoiltSet  # noqa: E402
from tools.method.evidence import Evidence  # noqa: E402
from tools.method.features import Channels, FeatureExtractor, Features, neighbourhood  # noqa: E402
from tools.method.scorers import CseScorer, DetailedScorer, LockedScorer  # noqa: E402

CHANNELS: Channels = (6, 40, 100)
SIDES = 16, 8, 4
ALL_SIDES = 32, *SIDES
"""Also that of the colours."""
KINDS = "blur", "crack", "hole", "stain"
PER_TILE = 48
UNDER = slice(4, 12)
"""Rows and columns of the fine map that a defect covers."""
Sign = Callable[[str], float]


def good_features(count: int, seed: int, channels: Channels = CHANNELS, sides: tuple[int, ...] = SIDES) -> FeatureSet:
    """Noise whose channels vary together: not every direction is alike."""
    rng = np.random.default_rng(seed)
    maps = []
    for width, side in zip(channels, sides, strict=True):
        mix = np.random.default_rng(width).normal(0, 1, (width, width)) * np.linspace(0.2, 1, width)
        maps.append(np.einsum("ncyx,cd->ndyx", rng.normal(0, 1, (count, width, side, side)), mix).astype(np.float16))
    colour = rng.normal(0, 1, (count, 3, 2 * sides[0], 2 * sides[0])).astype(np.float16)
    fine, middle, deep = maps
    return FeatureSet(fine, middle, deep, colour)


def spoilt_features(count: int, seed: int, depth: int, strength: Sign) -> SpoiltSet:
    """Good ones with a constant direction added at one depth under the mask, as strongly as the kind says."""
    features, kinds = good_features(count, seed), [KINDS[index % len(KINDS)] for index in range(count)]
    under = slice(UNDER.start >> depth, UNDER.stop >> depth)
    maps = (features.fine, features.middle, features.deep)[depth]
    direction = np.where(np.arange(CHANNELS[depth]) % 2, 1.0, -1.0) * maps.std(axis=(0, 2, 3), dtype=np.float64)
    for index, kind in enumerate(kinds):
        maps[index, :, under, under] += (strength(kind) * direction)[:, None, None].astype(np.float16)
    shares = np.zeros((count, SIDES[0], SIDES[0]), np.float32)
    shares[:, UNDER, UNDER] = 1
    return SpoiltSet(features, shares, shares.repeat(8, 1).repeat(8, 2) > 0, kinds)


def training_set(depth: int = 0, strength: Sign = lambda _: 2.0, good: int = 24) -> TrainingSet:
    learned, spoilt = good_features(good, 1), spoilt_features(60, 2, depth, strength)
    return TrainingSet(
        good=learned,
        spoilt=spoilt,
        contrast=gather(learned, [spoilt], PER_TILE, 0),
        held_out=good_features(40, 3),
        held_out_spoilt=spoilt_features(40, 4, depth, strength),
        channels=CHANNELS,
        seed=0,
    )


def of_sets(
    good: FeatureSet, spoilt: SpoiltSet, held_out: FeatureSet, held_out_spoilt: SpoiltSet, channels: Channels
) -> TrainingSet:
    contrast = gather(good, [spoilt], PER_TILE, 0)
    return TrainingSet(good, spoilt, held_out, held_out_spoilt, contrast, channels, 0)


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    """With a signal in the fine map alone, the same for all kinds."""
    return training_set()


@pytest.fixture(scope="module")
def models(data: TrainingSet) -> dict[str, Model]:
    return {name: method.fit(data) for name, method in METHODS.items()}


def test_cse_is_the_default_and_all_others_are_its_baselines() -> None:
    assert next(iter(METHODS)) == "cse"
    assert {"cse", *BASELINES} == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_model_fits_what_graph_and_bundle_take(name: str, data: TrainingSet, models: dict[str, Model]) -> None:
    model = models[name]
    assert model.method == name
    assert model.centroids.dtype == np.float32
    assert np.isfinite(model.centroids).all()
    count, width = model.centroids.shape
    assert 1 <= count <= 4096
    assert 1 <= width <= 128
    for features in (data.held_out, data.held_out_spoilt.features):
        maps = tile_maps(model, features)
        assert maps.shape == (40, ALL_SIDES[model.scorer.depth], ALL_SIDES[model.scorer.depth])
        assert np.isfinite(maps).all()
        assert maps.min() >= 0
    assert 1 <= model.top_cells <= maps[0].size


@pytest.mark.parametrize("name", BASELINES)  # cse is whitened and evidence, for which the same is asserted below
def test_the_same_tiles_and_seed_give_the_same_model(name: str, data: TrainingSet, models: dict[str, Model]) -> None:
    torch.rand(7)  # something else has drawn from the global generator
    again = METHODS[name].fit(training_set())
    np.testing.assert_allclose(again.centroids, models[name].centroids, rtol=0, atol=1e-5)
    scores = tile_scores(models[name], data.held_out_spoilt.features)
    np.testing.assert_allclose(tile_scores(again, data.held_out_spoilt.features), scores, rtol=1e-5)
    assert (again.choices, again.figures) == (models[name].choices, models[name].figures)


def test_a_coreset_is_no_larger_than_a_graph_takes() -> None:
    assert len(METHODS["patchcore"].fit(training_set(good=66)).centroids) == 4096 < 66 * 8 * 8


@pytest.mark.parametrize("name", ["whitened", "patchcore"])
def test_as_many_centroids_as_were_asked_for(name: str, data: TrainingSet) -> None:
    assert METHODS[name].fit(replace(data, centroids=5)).centroids.shape[0] == 5


def test_good_positions_of_the_bank_lie_at_no_distance(data: TrainingSet) -> None:
    few = replace(data, good=data.good.only(slice(0, 4)))
    model = METHODS["patchcore"].fit(few)
    assert len(model.centroids) == 4 * 8 * 8
    assert tile_maps(model, few.good).max() < 1e-3 * tile_maps(model, data.held_out).mean()


def test_greedy_coreset_takes_one_of_each_cluster() -> None:
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(12), 20)
    rows = (rng.normal(0, 30, (12, 8))[cluster] + rng.normal(0, 0.1, (240, 8))).astype(np.float32)
    chosen = greedy_coreset(rows, 12, first=17)
    assert chosen[0] == 17
    assert sorted(cluster[chosen]) == list(range(12))


def test_greedy_coreset_of_everything_takes_everything_once() -> None:
    rows = np.random.default_rng(0).normal(0, 1, (50, 3)).astype(np.float32)
    assert sorted(greedy_coreset(rows, 50, first=3)) == list(range(50))


def side_by_side(features: FeatureSet) -> NDArray[np.float64]:
    """What linear methods embed, position by position: averages of 3×3, the deep map enlarged."""
    taken = features.take(slice(None))
    deep = torch.nn.functional.interpolate(neighbourhood(taken.deep, 3), scale_factor=2.0, mode="bilinear")
    both = torch.cat([neighbourhood(taken.middle, 3), deep], 1).double()
    rows: NDArray[np.float64] = both.permute(0, 2, 3, 1).flatten(0, 2).numpy()
    return rows


def test_mahalanobis_is_mahalanobis_distance_where_the_width_suffices() -> None:
    channels: Channels = (6, 12, 20)
    good, held_out = (good_features(count, seed, channels) for count, seed in ((120, 1), (20, 2)))
    unused = SpoiltSet(held_out, np.zeros((20, 16, 16), np.float32), np.zeros((20, 128, 128), bool), ["blur"] * 20)
    model = fit_mahalanobis(of_sets(good, unused, held_out, unused, channels))
    assert model.centroids.shape == (1, 32)
    learned, asked = side_by_side(good), side_by_side(held_out)
    apart = asked - learned.mean(0)
    expected = np.sqrt(np.einsum("nc,cd,nd->n", apart, np.linalg.inv(np.cov(learned.T)), apart))
    np.testing.assert_allclose(tile_maps(model, held_out).ravel(), expected, rtol=0.02)


def test_cse_ships_evidence_where_it_finds_kinds_that_it_has_not_seen(models: dict[str, Model]) -> None:
    model = models["cse"]
    assert model.figures["unseen_kinds_auroc_cse"] > 0.99 > model.figures["unseen_kinds_auroc_whitened"]
    assert "both ship, side by side" in model.choices[0]
    assert model.losses[-1].contrast < model.losses[0].contrast / 2
    np.testing.assert_array_equal(model.centroids, models["whitened"].centroids)


def test_cse_does_without_detail_where_colour_misleads_about_the_places(data: TrainingSet) -> None:
    data = replace(data, held_out_spoilt=spoilt_features(40, 4, 0, lambda _: 2.0))
    data.held_out_spoilt.features.colour[:, :, 8:24, 8:24] *= np.float16(0.05)
    model = fit_cse(data)
    assert isinstance(model.scorer, CseScorer)
    assert "they stay without" in model.choices[1]
    assert model.figures["synthetic_aupro_detailed"] < model.figures["synthetic_aupro_plain"]


def test_cse_draws_in_detail_where_colour_tells_the_places(data: TrainingSet) -> None:
    told = replace(data, held_out_spoilt=replace(data.held_out_spoilt, masks=np.zeros((40, 128, 128), bool)))
    told.held_out_spoilt.masks[:, 40:44, 60:100] = True
    told.held_out_spoilt.features.colour[:, 0, 10, 15:25] = 9
    model = fit_cse(told)
    assert isinstance(model.scorer, DetailedScorer)
    assert "colour draws them" in model.choices[1]
    assert model.figures["synthetic_aupro_detailed"] > model.figures["synthetic_aupro_plain"]
    assert tile_maps(model, told.held_out).shape == (40, 32, 32)


def test_cse_ships_the_bank_alone_where_evidence_misleads_about_kinds_that_it_has_not_seen() -> None:
    def strength(kind: str) -> float:
        return 0.5 if KINDS.index(kind) % 2 else -0.5

    model = fit_cse(training_set(depth=1, strength=strength, good=66))
    assert model.method == "whitened"
    assert model.losses == ()
    with_evidence, alone = (model.figures[f"unseen_kinds_auroc_{name}"] for name in ("cse", "whitened"))
    assert with_evidence < alone
    assert f"AUROC is {with_evidence:.3f} with evidence and {alone:.3f} without" in model.choices[0]
    assert "whitened features ship without it" in model.choices[0]


def test_cse_ships_the_bank_alone_where_a_single_kind_tells_nothing_of_others() -> None:
    data = training_set()
    of_one = data.spoilt.of_kinds(frozenset(KINDS[:1]))
    unseen = data.held_out_spoilt.of_kinds(frozenset(KINDS[:1]))
    model = fit_cse(of_sets(data.good, of_one, data.held_out, unseen, CHANNELS))
    assert (model.method, dict(model.figures)) == ("whitened", {})
    assert "a single kind" in model.choices[0]


def evidence_of(model: Model) -> Evidence:
    scorer = model.scorer.blurred if isinstance(model.scorer, DetailedScorer) else model.scorer
    assert isinstance(scorer, CseScorer)
    return scorer.evidence


def test_training_evidence_hangs_on_its_seed_alone_and_leaves_the_global_generator_as_it_was(
    data: TrainingSet, models: dict[str, Model]
) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    sides = gather(data.good, [data.spoilt], PER_TILE, data.seed).of_kinds(KINDS)
    again, other = (train_evidence(*sides, CHANNELS, seed)[0] for seed in (0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    expected = evidence_of(models["cse"]).second.weight
    torch.testing.assert_close(again.second.weight, expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(other.second.weight, expected, rtol=1e-2)


def test_positions_to_tell_apart_are_those_of_the_kinds_asked_for(data: TrainingSet) -> None:
    everything, some, none = (
        data.contrast.of_kinds(kinds) for kinds in (KINDS, KINDS[:1], ("a kind that was not drawn",))
    )
    tiles = len(data.spoilt) // len(KINDS)
    assert [len(rows) for rows in some] == [(len(data.good) + tiles) * PER_TILE, tiles * PER_TILE]
    assert [len(rows) for rows in none] == [len(data.good) * PER_TILE, 0]
    assert [len(rows) for rows in everything] == [
        (len(data.good) + len(data.spoilt)) * PER_TILE,
        len(data.spoilt) * PER_TILE,
    ]
    assert everything[0].shape[1] == sum(CHANNELS)


def test_the_more_tiles_are_spoilt_the_fewer_positions_are_taken_of_each() -> None:
    assert [per_tile(spoilt) for spoilt in (0, 600, 10_000, 10**6)] == [48, 48, 30, 12]


def test_marks_that_good_seldom_has_are_not_taken_for_defects() -> None:
    """One position of fifty has a mark that defects have too; only something else tells the two apart."""
    generator = torch.Generator().manual_seed(3)
    good, defective = (torch.randn(20_000, sum(CHANNELS), generator=generator) for _ in range(2))
    marks = slice(0, 400)
    good[marks, 0] += 3
    defective[:, 0] += 3
    defective[:, 1] += 2
    shuffled = good[torch.randperm(len(good), generator=generator)]
    evidence, _ = train_evidence(shuffled.half(), defective.half(), CHANNELS, 0)
    shown = logits_of(evidence, good[marks])
    assert (shown > 0).float().mean() < 0.3
    assert (logits_of(evidence, defective) > 0).float().mean() > 0.8


def logits_of(evidence: Evidence, rows: Tensor) -> Tensor:
    """Of positions of their own: each is a tile whose maps are the same everywhere."""
    parts = torch.split(rows, list(CHANNELS), dim=1)
    fine, middle, deep = (
        part[:, :, None, None].expand(-1, -1, side, side) for part, side in zip(parts, (4, 2, 1), strict=True)
    )
    return evidence.logits(Features(fine, middle, deep, fine))[:, 0, 0]


def test_evidence_says_where_the_defect_lies(data: TrainingSet, models: dict[str, Model]) -> None:
    shown = evidence_of(models["cse"])(data.held_out_spoilt.features.take(slice(None))).numpy()
    under = data.held_out_spoilt.shares > 0
    assert np.median(shown[under]) > 10 * np.median(shown[~under])


def test_the_published_bank_is_a_map_of_a_good_tile(data: TrainingSet, models: dict[str, Model]) -> None:
    model = models["cse-published"]
    assert model.centroids.shape == (SIDES[2] ** 2, 64)
    np.testing.assert_allclose(np.linalg.norm(model.centroids, axis=1), 1, rtol=1e-5)
    own = tile_maps(model, data.good).max(axis=(1, 2))
    assert np.sort(own)[0] < 1e-5
    assert np.sort(own)[1] > 1e-3


def test_the_published_model_scores_alike_in_onnx_runtime_and_torch() -> None:
    extractor, size = FeatureExtractor(load_backbone(Lite0())), 64
    sides = tuple(size // stride for stride in extractor.strides[1:])
    good = good_features(16, 1, extractor.channels, sides)
    everywhere = np.ones((8, 8, 8), np.float32), np.ones((8, size, size), bool)
    spoilt = SpoiltSet(good_features(8, 2, extractor.channels, sides), *everywhere, ["blur"] * 8)
    model = fit_published(of_sets(good, spoilt, good, spoilt, extractor.channels))
    assert isinstance(model.scorer, LockedScorer)
    head = Head(model.scorer, model.top_cells)
    graph = Graph(extractor, head)
    exported = export(export_extractor(extractor, size), head, model.centroids.shape)
    joined = onnx.load_from_string(exported)
    assert [(each.domain, each.version) for each in joined.opset_import] == [("", OPSET)]
    read = {name for node in joined.graph.node for name in node.input} | {"distance", "score"}
    assert all(read.intersection(node.output) for node in joined.graph.node)  # nothing is computed for nobody
    session = ort.InferenceSession(exported, providers=["CPUExecutionProvider"])
    assert {each.name: each.shape for each in session.get_inputs()}["centroids"] == [4, 64]
    tiles = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8)
    distance, score = session.run(None, {"tiles": tiles, "centroids": model.centroids})
    with torch.inference_mode():
        expected = graph(torch.from_numpy(tiles), torch.from_numpy(model.centroids))
    np.testing.assert_allclose(distance, expected[0], rtol=1e-4)
    np.testing.assert_allclose(score, expected[1], rtol=1e-4)
    np.testing.assert_allclose(score, distance.mean(axis=(1, 2)), rtol=1e-5)
