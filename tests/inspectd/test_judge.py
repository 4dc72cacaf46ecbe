from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from calib.calibration import Calibration
from inspectd.judge import Judgement, find_regions, judge
from inspectd.wire.models import Outcome

CELL = 16


def calibration(threshold: float = 1.0, top_cells: int = 1) -> Calibration:
    return Calibration(
        threshold=threshold,
        top_cells=top_cells,
        target_false_rejects=0.01,
        method="split-conformal",
        observed_false_rejects=0.0,
        interval=(0.0, 0.1),
        cells_per_picture=64,
        held_out_scores=(0.5,),
    )


def judged(distance: NDArray[np.float32], *, top_cells: int = 1, max_regions: int = 64) -> Judgement:
    height, width = distance.shape[0] * CELL, distance.shape[1] * CELL
    return judge(
        distance, calibration(top_cells=top_cells), width=width, height=height, cell=CELL, max_regions=max_regions
    )


def quiet_map() -> NDArray[np.float32]:
    return np.full((10, 12), 0.2, np.float32)


def test_below_the_threshold_it_passes_without_regions() -> None:
    distance = quiet_map()
    distance[3, 4] = 0.999
    judgement = judged(distance)
    assert (judgement.outcome, judgement.regions) == (Outcome.PASS, ())
    assert judgement.score == pytest.approx(0.999)


def test_at_the_threshold_it_fails() -> None:
    distance = quiet_map()
    distance[3, 4] = 1.0
    assert judged(distance).outcome is Outcome.FAIL


def test_a_region_lies_where_the_defect_lies() -> None:
    distance = quiet_map()
    distance[3:5, 4:8] = 3.0
    (region,) = judged(distance).regions
    assert region.peak == pytest.approx(3.0)
    assert region.x == pytest.approx(4 * CELL, abs=CELL / 2)
    assert region.y == pytest.approx(3 * CELL, abs=CELL / 2)
    assert region.width == pytest.approx(4 * CELL, abs=CELL)
    assert region.height == pytest.approx(2 * CELL, abs=CELL)
    assert region.centroid_x == pytest.approx(6 * CELL, abs=2)
    assert region.centroid_y == pytest.approx(4 * CELL, abs=2)
    assert region.area == pytest.approx(8 * CELL**2, rel=0.5)


def test_regions_come_largest_peak_first_and_the_rest_is_counted() -> None:
    distance = quiet_map()
    for index, peak in enumerate((2.0, 5.0, 3.0)):
        distance[1 + 3 * index, 2] = peak
    judgement = judged(distance, max_regions=2)
    assert [round(region.peak) for region in judgement.regions] == [5, 3]
    assert judgement.regions_omitted == 1


def test_a_map_of_noise_lists_no_more_regions_than_asked_for() -> None:
    distance = np.zeros((42, 42), np.float32)
    distance[1::3, 1::3] = 5.0
    distance[10, 13] = 9.0
    judgement = judged(distance, max_regions=3)
    assert (len(judgement.regions), judgement.regions_omitted) == (3, 14 * 14 - 3)
    assert judgement.regions[0].peak == 9.0


def test_millimetres_follow_from_the_scale() -> None:
    distance = quiet_map()
    distance[3, 4] = 3.0
    (region,), omitted = find_regions(distance, 1.0, width=192, height=160, cell=CELL, mm_per_px=0.25)
    assert omitted == 0
    assert region.width_mm == pytest.approx(region.width * 0.25)
    assert region.area_mm2 == pytest.approx(region.area * 0.0625)
    assert region.centroid_x_mm == pytest.approx(region.centroid_x * 0.25)


def test_a_defect_in_the_last_sliver_of_a_frame_is_shown_at_its_border() -> None:
    distance = quiet_map()
    distance[-1, -1] = 2.0
    height, width = distance.shape[0] * CELL - 15, distance.shape[1] * CELL - 15
    (region,) = judge(distance, calibration(), width=width, height=height, cell=CELL).regions
    assert (region.x + region.width, region.y + region.height) == (width, height)
    assert region.peak == 2.0


@settings(max_examples=150)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    cut=st.tuples(st.integers(0, CELL - 1), st.integers(0, CELL - 1)),
    top_cells=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_failed_frame_shows_where_and_stays_within_itself(
    rows: int, columns: int, cut: tuple[int, int], top_cells: int, seed: int
) -> None:
    """Whatever the map and however the frame ends within its last cell."""
    distance = np.random.default_rng(seed).gamma(2.0, 0.4, (rows, columns)).astype(np.float32)
    height, width = rows * CELL - cut[0], columns * CELL - cut[1]
    judgement = judge(distance, calibration(top_cells=top_cells), width=width, height=height, cell=CELL)
    assert bool(judgement.regions) == (judgement.outcome is Outcome.FAIL)
    for region in judgement.regions:
        assert region.x >= 0
        assert region.y >= 0
        assert region.x + region.width <= width
        assert region.y + region.height <= height
        assert 0 < region.area <= region.width * region.height
        assert region.x <= region.centroid_x <= region.x + region.width
        assert region.x <= region.peak_x <= region.x + region.width
        assert region.y <= region.peak_y <= region.y + region.height
