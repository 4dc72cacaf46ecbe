"""What a fit says of itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from torch import Tensor, nn  # noqa: E402 - needs torch

from calib.threshold import calibrate  # noqa: E402
from tools.backbones.lite0 import Lite0  # noqa: E402
from tools.backbones.weights import Loaded  # noqa: E402
from tools.fit.comparison import Compared  # noqa: E402
from tools.fit.frames import Judged, JudgedFrames  # noqa: E402
from tools.fit.models import Model  # noqa: E402
from tools.fit.overlaps import Overlaps  # noqa: E402
from tools.fit.pictures import PictureFile  # noqa: E402
from tools.fit.splits import split  # noqa: E402
from tools.fit.summary import Story, figures  # noqa: E402
from tools.method.features import Features  # noqa: E402
from tools.method.scorers import FINE, Scorer  # noqa: E402


class Strangeness(Scorer):
    depth = FINE

    def forward(self, features: Features, centroids: Tensor) -> Tensor:
        return (features.fine.mean(dim=1) - centroids.mean()).abs()


def story(
    groups: list[str], side: int = 128, scores: tuple[float, ...] = (), overlaps: Overlaps | None = None
) -> Story:
    pictures = [PictureFile(Path(f"{i}.png"), f"{i:064d}", side, side, group=name) for i, name in enumerate(groups)]
    parts = split(pictures, Lite0(), overlaps or Overlaps(), tile="auto", overlap=32, seed=0)
    judged = [Judged("good", np.empty((0, 0, 3), np.uint8), np.zeros((1, 1), np.float32), score) for score in scores]
    return Story(
        parts=parts,
        loaded=Loaded(Lite0(), nn.Identity(), "", "package: none"),
        compared=[Compared("whitened", 0.9)],
        model=Model("whitened", Strangeness(), np.zeros((1, 1), np.float32), 4),
        judged=JudgedFrames(judged, [], [], ()),
        tiles=1,
    )


def told(groups: list[str], side: int = 128) -> str:
    return " ".join(story(groups, side).choices())


def test_it_says_how_many_groups_were_held_out_and_what_that_means_for_the_interval() -> None:
    said = told(["a", "b", "c", "d"] * 3)
    assert "9 pictures learned and 3 held out" in said
    assert "Groups stayed whole: 3 learned and 1 held out." in said
    assert "count once together for the threshold: the 3 held out as 1." in said


def test_groups_of_one_picture_leave_the_interval_as_it_is() -> None:
    said = told([f"g{index}" for index in range(12)])
    assert "9 learned and 3 held out" in said
    assert "count once together" not in said


def test_it_speaks_of_groups_only_where_there_are_some() -> None:
    assert "roup" not in told([""] * 12)
    assert "All are of one group, 'a', of which blocks were learned" in told(["a", "a"], side=512)


def every_so_many(count: int, apart: int, *, whole: bool) -> Overlaps:
    """Of `count` pictures, each shows the same as those that come `apart` before and after it, and so on."""
    files = [Path(f"{index}.png") for index in range(count)]
    return Overlaps(
        {file: frozenset(files[index % apart :: apart]) - {file} for index, file in enumerate(files)}, whole
    )


def test_it_says_how_many_pieces_of_surface_were_held_out() -> None:
    fit = story([""] * 40, overlaps=every_so_many(40, 20, whole=True))
    said = " ".join(fit.choices())
    assert "30 pictures learned and 10 held out" in said
    assert "the same piece of surface stayed together, in pieces: 15 learned and 5 held out" in said
    assert "the 10 held out as 5." in said
    assert not fit.warnings()


def test_it_says_what_a_web_lost_to_its_cuts() -> None:
    files = [Path(f"{index}.png") for index in range(40)]
    neighbours = {file: frozenset(files[max(0, i - 1) : i + 2]) - {file} for i, file in enumerate(files)}
    fit = story([""] * 40, overlaps=Overlaps(neighbours))
    said = " ".join(fit.choices())
    assert "The pictures overlap from one to the next and were cut into stretches: " in said
    assert "pictures reach over a cut, and were left out." in said
    assert not fit.warnings()


def test_it_warns_where_nearly_all_pictures_overlap() -> None:
    (warning,) = story([""] * 40, overlaps=every_so_many(40, 1, whole=False)).warnings()
    assert warning.startswith("10 of the 10 held-out pictures show surface that is learned as well")
    assert warning.endswith("Take pictures of more surface.")


def test_it_takes_pictures_that_lie_over_each_other_for_parts_with_one_print_and_says_so() -> None:
    (warning,) = story([""] * 40, overlaps=every_so_many(40, 1, whole=True)).warnings()
    assert "as parts with one print do" in warning
    assert "If they show one and the same part, the threshold is too low" in warning


def test_the_figures_tell_the_false_rejects_wanted_and_seen_with_their_interval() -> None:
    fit = story([""] * 12, scores=(*(1.0 + index / 200 for index in range(100)), 5.0))
    scores = [each.score for each in fit.judged.good]
    calibration = calibrate(scores, target_false_rejects=0.02, top_cells=4, cells_per_picture=1)
    measured = figures(fit, calibration, {"features": 1.0})
    assert measured["target_false_rejects"] == 0.02
    assert measured["observed_false_rejects"] == pytest.approx(1 / 101)
    assert measured["false_rejects_low"] == pytest.approx(0.00025, abs=1e-5)
    assert measured["false_rejects_high"] == pytest.approx(0.0539, abs=1e-4)
