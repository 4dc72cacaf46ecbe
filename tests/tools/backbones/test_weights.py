"""Weights: found in the stated order, mapped right, never random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.errors import WeightsError

torch = pytest.importorskip("torch", reason="the training extra is not installed")
timm = pytest.importorskip("timm", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.backbones import BACKBONES  # noqa: E402 - needs torch
from tools.backbones.lite0 import Lite0  # noqa: E402
from tools.backbones.weights import cache_folder, load_backbone, read_state  # noqa: E402

LITE0 = BACKBONES["tf_efficientnet_lite0"]
B3 = BACKBONES["efficientnet_b3"]


def packaged() -> Path:
    path = Lite0().packaged_weights()
    assert path is not None
    return Path(path)


@pytest.fixture(autouse=True)
def no_cache_and_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def random_b3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "b3.pth"
    torch.save(timm.create_model("efficientnet_b3", pretrained=False).state_dict(), file)
    return file


@pytest.mark.parametrize(("picture", "classes"), [("coffee", {967, 504, 968}), ("chelsea", {281, 282, 285})])
def test_packaged_weights_under_timms_names_recognise_pictures(picture: str, classes: set[int]) -> None:
    cv2 = pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data")
    network = timm.create_model(LITE0.name, pretrained=False)
    network.load_state_dict(LITE0.to_timm(read_state(packaged())), strict=True)
    pixels = getattr(data, picture)()
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    small = cv2.resize(pixels[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)
    normal = (small.astype(np.float32) - LITE0.mean[0]) / LITE0.std[0]
    with torch.inference_mode():
        logits = network.eval()(torch.from_numpy(normal).permute(2, 0, 1)[None])
    assert int(logits.argmax()) in classes


def test_loaded_weights_are_exact_in_half_precision_and_frozen() -> None:
    loaded = load_backbone(LITE0)
    assert loaded.source == "package:efficientnet-lite0-57934424.pth"
    for weight in loaded.network.parameters():
        assert torch.equal(weight, weight.half().float())
        assert not weight.requires_grad


@pytest.mark.parametrize("name", list(BACKBONES))
def test_maps_have_the_stated_strides_and_channels(name: str, random_b3: Path) -> None:
    loaded = load_backbone(BACKBONES[name], random_b3 if name == B3.name else None)
    with torch.inference_mode():
        maps = loaded.network(torch.zeros(1, 3, 96, 96))
    shapes = [tuple(each.shape[1:]) for each in maps]
    assert shapes == [(tap.channels, 96 // tap.stride, 96 // tap.stride) for tap in loaded.backbone.taps]


def test_an_explicit_file_comes_before_the_cache_and_the_cache_before_the_package() -> None:
    cached = cache_folder() / f"{LITE0.name}.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(packaged().read_bytes())
    assert load_backbone(LITE0).source == f"cache:{cached.name}"
    loaded = load_backbone(LITE0, packaged())
    assert loaded.source == f"file:{packaged().name}"
    assert loaded.sha256 == load_backbone(LITE0).sha256


def test_without_weights_there_is_one_error_that_says_how_to_get_them() -> None:
    with pytest.raises(WeightsError, match=r"no weights for backbone efficientnet_b3.*--weights") as raised:
        load_backbone(B3)
    assert "tf_efficientnet_lite0" in str(raised.value)


def test_weights_of_another_backbone_are_refused(random_b3: Path) -> None:
    with pytest.raises(WeightsError, match="do not fit tf_efficientnet_lite0"):
        load_backbone(LITE0, random_b3)


def test_a_file_that_is_no_weights_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"weights\.pth: not a weights file"):
        load_backbone(LITE0, file)
    with pytest.raises(WeightsError, match="no such file"):
        load_backbone(LITE0, tmp_path / "gone.pth")
