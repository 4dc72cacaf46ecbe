"""The method's parts: what each promises to the next."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.method.bank import distance  # noqa: E402 - needs torch
from tools.method.decoder import Decoder  # noqa: E402
from tools.method.detail import EVEN, SHARE, SPECKS, WINDOW, Detail  # noqa: E402
from tools.method.embedder import Embedder  # noqa: E402
from tools.method.evidence import Evidence, Head, side_by_side  # noqa: E402
from tools.method.features import Features, enlarge, neighbourhood, positions  # noqa: E402
from tools.method.losses import contrast, reconstruction  # noqa: E402
from tools.method.projection import Projection  # noqa: E402
from tools.method.score import top_cells, top_mean  # noqa: E402
from tools.method.scorers import (  # noqa: E402
    DEEP,
    DETAIL,
    EVIDENCE,
    FINE,
    MIDDLE,
    BankScorer,
    CseScorer,
    DetailedScorer,
    LockedScorer,
)

CHANNELS = 6, 12, 20


def some_features(count: int = 4, seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)
    shapes = zip((*CHANNELS, 3), (16, 8, 4, 32), strict=True)
    fine, middle, deep, colours = (torch.randn(count, width, side, side, generator=generator) for width, side in shapes)
    return Features(fine, middle, deep, colours)


def whitening(features: Features, width: int = 8) -> Projection:
    projection = Projection(CHANNELS, width)
    projection.fit_whitening(projection.averaged(features))
    return projection


def test_averaging_leaves_the_border_unpadded() -> None:
    maps = torch.ones(1, 2, 5, 5)
    assert torch.equal(neighbourhood(maps, 3), maps)


def test_projecting_equals_projecting_what_is_averaged() -> None:
    features, projection = some_features(), Projection(CHANNELS, 7)
    weight = torch.cat([projection.middle.weight, projection.deep.weight], 1)[:, :, 0, 0]
    expected = projection.averaged(features) @ weight.T + projection.middle.bias
    torch.testing.assert_close(positions(projection(features)), expected, rtol=1e-4, atol=1e-5)


def test_whitened_good_features_have_mean_zero_and_variance_one() -> None:
    features = some_features(64)
    rows = positions(whitening(features)(features))
    torch.testing.assert_close(rows.mean(0), torch.zeros(8), rtol=0, atol=5e-3)
    torch.testing.assert_close(torch.cov(rows.T), torch.eye(8), rtol=0, atol=1e-2)


def test_principal_directions_keep_distances_where_the_width_suffices() -> None:
    features, projection = some_features(64), Projection(CHANNELS, 32)
    averaged = projection.averaged(features)
    projection.fit_principal(averaged)
    rows = positions(projection(features))
    torch.testing.assert_close(torch.pdist(rows[:50]), torch.pdist(averaged[:50]), rtol=1e-2, atol=1e-2)


def test_fitted_twice_is_the_same() -> None:
    first, second = whitening(some_features(16)), whitening(some_features(16))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_projection_is_no_wider_than_what_it_projects() -> None:
    assert Projection(CHANNELS).middle.out_channels == 32


def test_evidence_says_what_the_trained_head_says() -> None:
    features = some_features()
    rows = positions(side_by_side(features))
    head = Head(rows).eval()
    evidence = Evidence(CHANNELS)
    evidence.take_over(head)
    expected = torch.nn.functional.softplus(head(rows)).reshape(4, 16, 16)
    torch.testing.assert_close(evidence(features), expected, rtol=1e-3, atol=1e-4)
    assert evidence(features).min() >= 0


def test_a_channel_that_hardly_ever_fires_is_not_blown_up() -> None:
    rows = torch.randn(100, 5)
    rows[:, 2] = 1e-9 * torch.randn(100)
    assert Head(rows).deviation[2] > 0.02


def test_distance_and_evidence_are_side_by_side_each_in_its_unit() -> None:
    features = some_features()
    projection, evidence = whitening(features), Evidence(CHANNELS).requires_grad_(requires_grad=False)
    centroids = torch.rand(5, 8)
    near, shown = BankScorer(projection)(features, centroids), evidence(features)
    only_distance = CseScorer(projection, evidence, (0.5, torch.inf))(features, centroids)
    assert only_distance.shape == (4, 16, 16)
    assert only_distance.mean() == pytest.approx(2 * near.mean().item(), rel=1e-3)
    only_evidence = CseScorer(projection, evidence, (torch.inf, 3.0))(features, centroids)
    torch.testing.assert_close(only_evidence, EVIDENCE * torch.log(1 + shown / 3))
    both = CseScorer(projection, evidence, (0.5, 3.0))(features, centroids)
    torch.testing.assert_close(both, torch.sqrt(only_distance.square() + only_evidence.square()))


def test_colour_deviates_from_surroundings_that_look_like_good() -> None:
    """Also in the middle of a stain as wide as half of its surroundings."""
    good = torch.randn(10, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    detail = Detail()
    detail.fit(good)
    stained = good[:1].clone()
    stained[0, 0, 20:44, 20:44] += 20
    found = detail.deviation(stained)[0]
    assert found[32, 32] > 0.9 * 20
    assert found[:10].median() < 2
    torch.testing.assert_close(detail.deviation(stained + 0.5), found[None], rtol=0.05, atol=0.5)  # in other light


def test_colour_deviates_in_standard_deviations_of_good() -> None:
    mix = torch.tensor([[5.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.5]])
    good = torch.einsum("ncyx,cd->ndyx", torch.randn(40, 3, 16, 16), mix)
    detail = Detail()
    detail.fit(good)
    assert detail.deviation(good).square().mean() == pytest.approx(3, rel=1e-3)
    detail.divide(2)
    assert detail.deviation(good).square().mean() == pytest.approx(3 / 4, rel=1e-3)


def test_detail_moves_strangeness_to_the_cells_that_deviate() -> None:
    strange, deviating = torch.full((1, 40, 40), 1.2), torch.full((1, 3, 80, 80), 0.01)
    strange[0, 20, 20] = 2
    deviating[0, :, 40, 40] = 1
    sharp = Detail()(strange, deviating)[0]
    assert sharp.shape == (80, 80)
    whole = enlarge(strange[:, None], 2)[0, 0, 40, 40].item()
    assert sharp[40, 40] == pytest.approx((whole**2 + 3 * SHARE**2) ** 0.5, rel=1e-3)  # the place itself loses nothing
    assert sharp[40, 44] < 0.25 * 1.2
    reach = WINDOW // 2
    assert sharp[40 + reach, 40] < 0.25 * 1.2
    far = 40 + reach + 1 + reach  # as far from it as nothing deviates and nothing is stranger, all stays
    assert sharp[far, 40] == pytest.approx(1.2, rel=1e-2)


def test_the_middle_of_a_strange_place_stays_whatever_its_colour() -> None:
    strange, deviating = torch.full((1, 20, 20), 0.5), torch.full((1, 3, 40, 40), 0.1)
    strange[0, 10, 10] = 3
    deviating[0, :, 20, 26] = 1
    sharp = Detail()(strange, deviating)[0]
    assert sharp[19:22, 19:22].max() == pytest.approx(enlarge(strange[:, None], 2).max().item(), rel=0.01)
    assert sharp[20, 17] < 0.5  # beside it colour says that nothing is there


def test_a_map_of_nothing_stays_one() -> None:
    assert not Detail(SPECKS)(torch.zeros(1, 4, 4), torch.zeros(1, 3, 8, 8)).any()


def test_a_strange_place_without_a_colour_of_its_own_stays_whole() -> None:
    strange, deviating = torch.full((1, 20, 20), 2.0), torch.zeros(1, 3, 40, 40)
    deviating[0, 0, 20, 20] = EVEN / 10
    torch.testing.assert_close(Detail()(strange, deviating)[0], torch.full((40, 40), 2.0), rtol=0.1, atol=0)


def test_a_surface_of_one_colour_is_sharpened_nowhere() -> None:
    detail = Detail()
    detail.fit(torch.zeros(4, 3, 8, 8))
    torch.testing.assert_close(detail(torch.full((4, 4, 4), 3.0), torch.zeros(4, 3, 8, 8)), torch.full((4, 8, 8), 3.0))


def test_specks_are_drawn_where_the_map_says_little_and_never_above_what_good_shows() -> None:
    """Beside a place that deviates more, and however far they deviate, they raise no score."""
    strange, deviating = torch.full((1, 20, 20), 0.3), torch.zeros(1, 3, 40, 40)
    deviating[0, 0, 10, 10], deviating[0, 0, 10, 14] = 0.7, 3.0
    without, drawn = (Detail(specks)(strange, deviating)[0] for specks in (0.0, SPECKS))
    assert without[10, 10] < 0.2
    assert drawn[10, 10] == pytest.approx(0.7, rel=0.1)
    assert drawn[10, 14] < without[10, 14] + 0.2
    torch.testing.assert_close(drawn[30:, 30:], without[30:, 30:], rtol=0.01, atol=0)
    strange = torch.full((1, 20, 20), 2.0)
    without, drawn = (Detail(specks)(strange, deviating)[0] for specks in (0.0, SPECKS))
    assert drawn.max() == pytest.approx(without.max().item(), rel=0.02)


def test_a_detailed_map_has_the_resolution_of_colour() -> None:
    features, evidence = some_features(), Evidence(CHANNELS).requires_grad_(requires_grad=False)
    coarse = CseScorer(whitening(features), evidence, (1.0, 1.0))
    assert DetailedScorer(coarse, Detail())(features, torch.rand(5, 8)).shape == (4, 32, 32)


def test_the_embedder_has_the_published_shape() -> None:
    widths = [tuple(weight.shape[:2]) for weight in Embedder((40, 112, 320)).parameters() if weight.ndim == 4]
    assert widths == [(260, 112), (260, 320), (130, 260), (64, 130)]


def test_the_decoder_rebuilds_the_features_shapes_and_is_never_trained() -> None:
    decoder, features = Decoder(CHANNELS), some_features()
    middle, deep = decoder(torch.randn(4, 64, 8, 8))
    assert (middle.shape, deep.shape) == (features.middle.shape, features.deep.shape)
    assert not any(weight.requires_grad for weight in decoder.parameters())


def test_the_published_score_is_locked_to_positions() -> None:
    features, embedder = some_features(1), Embedder(CHANNELS).eval()
    own = torch.nn.functional.normalize(embedder.reduced(features), dim=1, eps=1e-6)
    bank, scorer = own[0].flatten(1).T.contiguous(), LockedScorer(embedder)
    torch.testing.assert_close(scorer(features, bank), torch.zeros(1, 4, 4), rtol=0, atol=1e-5)
    assert scorer(features, bank.flip(0)).max() > 1e-4


def test_contrast_is_least_when_good_agree_and_defective_ones_point_away() -> None:
    good, defective = torch.randn(4, 3, 6, 6), torch.tensor([False, False, True, True])
    away = torch.where(defective[:, None, None, None], -good, good)
    assert contrast(good, away, defective).item() == pytest.approx(0, abs=1e-6)
    assert contrast(good, good, defective).item() == pytest.approx(0.5)
    assert contrast(good, -good, torch.zeros(4, dtype=torch.bool)).item() == pytest.approx(2)


def test_reconstruction_ignores_how_bright_the_channels_are() -> None:
    features = some_features()
    maps = features.middle, features.deep
    assert reconstruction((maps[0] * 3, maps[1] * 5), maps).item() == pytest.approx(0, abs=1e-6)
    # Opposite unit vectors: half of the squared distance, 4.
    assert reconstruction((-maps[0], -maps[1]), maps).item() == pytest.approx(2, rel=1e-5)


def test_distance_is_that_of_the_nearest_centroid_even_where_it_is_tiny() -> None:
    rng = np.random.default_rng(0)
    centroids = (rng.normal(size=(50, 16)) + 100).astype(np.float32)
    chosen = rng.integers(50, size=12)
    points = (centroids[chosen] + rng.normal(0, 1e-3, (12, 16))).astype(np.float32)
    found = distance(torch.from_numpy(points.T.reshape(1, 16, 3, 4).copy()), torch.from_numpy(centroids))
    double = points.astype(np.float64)[:, None] - centroids.astype(np.float64)
    expected = np.sqrt((double**2).sum(-1)).min(-1).reshape(1, 3, 4)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


def test_score_is_the_mean_of_the_largest_cells() -> None:
    maps = torch.arange(32, dtype=torch.float32).reshape(2, 4, 4)
    assert top_mean(maps, 4).tolist() == [13.5, 29.5]


def test_the_published_score_is_the_mean_of_all_cells() -> None:
    assert [top_cells(depth, 1024) for depth in (DETAIL, FINE, MIDDLE, DEEP)] == [16, 8, 4, 1024]
    assert top_cells(MIDDLE, 1) == 1
