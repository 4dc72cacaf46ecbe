"""Features of many tiles are those that the model itself computes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.backbones.lite0 import Lite0  # noqa: E402 - needs torch
from tools.backbones.weights import load_backbone  # noqa: E402
from tools.fit.extract import Network, extract  # noqa: E402
from tools.method.features import FeatureExtractor  # noqa: E402


@pytest.mark.parametrize("magnify", [1, 2])
def test_onnx_runtime_sees_what_the_model_sees(magnify: int) -> None:
    extractor = FeatureExtractor(load_backbone(Lite0()), magnify)
    tiles = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    seen = extract(Network(extractor, 64), tiles, None).take(slice(None))
    with torch.inference_mode():
        expected = extractor(torch.from_numpy(tiles))
    for name, maps, of_model in zip(expected._fields, seen, expected, strict=True):
        assert maps.shape == of_model.shape, name
        np.testing.assert_allclose(maps, of_model, rtol=2e-3, atol=2e-3, err_msg=name)
