"""Maps are scaled by the threshold, at the size of their picture."""

from __future__ import annotations

import numpy as np

from calib.heatmap import THRESHOLD_LEVEL, enlarge, levels, overlay


def test_levels_depend_on_the_threshold_alone() -> None:
    distance = np.array([[0.0, 0.5, 0.999, 1.0, 2.0, 50.0]], np.float32)
    assert levels(distance, 1.0).tolist() == [[0, 64, 127, THRESHOLD_LEVEL, 255, 255]]


def test_a_cell_below_the_threshold_never_looks_like_one_above() -> None:
    threshold = 0.7
    below = np.nextafter(np.float32(threshold), np.float32(0), dtype=np.float32)
    assert levels(np.array([[below]]), threshold)[0, 0] < THRESHOLD_LEVEL


def test_enlarged_maps_have_the_size_of_the_picture_and_keep_their_place() -> None:
    distance = np.zeros((4, 7), np.float32)
    distance[2, 5] = 1.0
    full = enlarge(distance, 8, 29, 51)
    assert full.shape == (29, 51)
    y, x = np.unravel_index(full.argmax(), full.shape)
    assert [int(y) // 8, int(x) // 8] == [2, 5]


def test_overlay_leaves_quiet_pictures_alone_and_colours_defects() -> None:
    pixels = np.full((32, 32, 3), 100, np.uint8)
    distance = np.full((4, 4), 0.1, np.float32)
    quiet = overlay(pixels, distance, 8, 1.0)
    assert np.ptp(quiet) == 0
    distance[1, 1] = 3.0
    loud = overlay(pixels, distance, 8, 1.0)
    assert np.ptp(loud[12, 12].astype(int)) > 20
    np.testing.assert_array_equal(loud[:, 24:], quiet[:, 24:])
