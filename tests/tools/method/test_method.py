"""The method's parts: what each promises to the next."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.method.bank import distance  # noqa: E402 - needs torch
from tools.method.decoder import Decoder  # noqa: E402
from tools.method.embedder import Embedder, Embedding, JoinedConv, Unit, Whitening  # noqa: E402
from tools.method.features import Features, join, positions  # noqa: E402
from tools.method.losses import contrast, reconstruction  # noqa: E402
from tools.method.score import top_mean  # noqa: E402

CHANNELS = 12, 20


def some_features(count: int = 4, seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)
    return Features(
        torch.randn(count, CHANNELS[0], 8, 8, generator=generator),
        torch.randn(count, CHANNELS[1], 4, 4, generator=generator),
    )


def test_convolving_before_enlarging_equals_convolving_the_joined_map() -> None:
    conv, features = JoinedConv(CHANNELS, 7, bias=True), some_features()
    weight = torch.cat([conv.middle.weight, conv.deep.weight], dim=1)
    expected = torch.nn.functional.conv2d(join(features), weight, conv.middle.bias)
    torch.testing.assert_close(conv(features), expected, rtol=1e-4, atol=1e-5)


def test_whitened_good_features_have_mean_zero_and_variance_one() -> None:
    whitening, features = Whitening(CHANNELS, 8), some_features(64)
    whitening.fit(features)
    rows = positions(whitening(features)).detach()
    torch.testing.assert_close(rows.mean(0), torch.zeros(8), rtol=0, atol=5e-3)
    torch.testing.assert_close(torch.cov(rows.T), torch.eye(8), rtol=0, atol=1e-2)


def test_whitening_fitted_twice_is_the_same() -> None:
    first, second = Whitening(CHANNELS, 8), Whitening(CHANNELS, 8)
    for whitening in (first, second):
        whitening.fit(some_features(16))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_embedder_has_the_published_shape() -> None:
    widths = [tuple(weight.shape[:2]) for weight in Embedder((112, 320)).parameters() if weight.ndim == 4]
    assert widths == [(260, 112), (260, 320), (130, 260), (64, 130)]


def test_branches_are_side_by_side_and_scaled() -> None:
    branch = Unit(Embedder(CHANNELS).eval())
    embedding = Embedding([branch, branch], [1.0, 3.0])(some_features())
    assert embedding.shape == (4, 128, 8, 8)
    torch.testing.assert_close(embedding[:, 64:], 3 * embedding[:, :64])


def test_the_decoder_rebuilds_the_features_shapes_and_is_never_trained() -> None:
    decoder, features = Decoder(CHANNELS), some_features()
    rebuilt = decoder(torch.randn(4, 64, 8, 8))
    assert [each.shape for each in rebuilt] == [each.shape for each in features]
    assert not any(weight.requires_grad for weight in decoder.parameters())


def test_contrast_is_least_when_good_agree_and_defects_point_away() -> None:
    good, defect = torch.ones(1, 3, 6, 6), torch.zeros(1, 6, 6)
    defect[0, 2:4, 2:4] = 1
    away = torch.where(defect[:, None] > 0, -good, good)
    assert contrast(good, away, defect).item() == pytest.approx(0, abs=1e-6)
    assert contrast(good, good, defect).item() == pytest.approx(1)
    assert contrast(good, -good, torch.zeros_like(defect)).item() == pytest.approx(2)


def test_cells_next_to_a_defect_count_neither_way() -> None:
    good, defect = torch.ones(1, 3, 6, 6), torch.zeros(1, 6, 6)
    defect[0, 2, 2] = 1
    other = good.clone()
    other[0, :, 2, 2] = -1
    changed = other.clone()
    changed[0, :, 1, 2] = -1
    assert contrast(good, changed, defect).item() == contrast(good, other, defect).item()


def test_reconstruction_ignores_how_bright_the_channels_are() -> None:
    features = some_features()
    brighter = Features(features.middle * 3, features.deep * 5)
    assert reconstruction(brighter, features).item() == pytest.approx(0, abs=1e-6)
    # Opposite unit vectors: half of the squared distance, 4.
    opposite = Features(-features.middle, -features.deep)
    assert reconstruction(opposite, features).item() == pytest.approx(2, rel=1e-5)


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
