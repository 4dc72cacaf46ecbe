"""The closing picture: frames, their maps, and the defects as the daemon outlined them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.heatmap import overlay
from inspectd.wire.models import Outcome, Verdict
from tools.demo.outcome import Said

SIDE = 240
"""Of a frame in the picture, px."""
BAR = 24
COLUMNS = 3
MOST = 18
WHITE, TRUTH, REGION = (245, 245, 245), (60, 220, 90), (255, 70, 50)
COLOURS = {Outcome.PASS: (40, 140, 70), Outcome.FAIL: (200, 45, 40), Outcome.ERROR: (170, 110, 0)}
Picture = NDArray[np.uint8]


def write_picture(
    file: Path,
    said: Sequence[Said],
    maps: Mapping[int, tuple[NDArray[np.float32], int]],
    most: int = MOST,
    columns: int = COLUMNS,
) -> None:
    """Draw the frames that tell most: every wrong one first, then defects, then some good ones.

    `maps` holds the map and its cell (px) by sequence number.
    """
    chosen = choose(said, most)
    panels = [_panel(each, *maps.get(each.verdict.sequence, (None, 0))) for each in chosen]
    blank = np.full_like(panels[0], 255)
    panels += [blank] * (-len(panels) % columns)
    rows = [np.hstack(panels[start : start + columns]) for start in range(0, len(panels), columns)]
    cv2.imwrite(str(file), np.vstack(rows)[..., ::-1])


def choose(said: Sequence[Said], most: int) -> list[Said]:
    """At most `most` frames, in order of their numbers; some good ones are always among them."""
    wrong = [each for each in said if each.wrong]
    right_defects = [each for each in said if not each.wrong and not each.picture.good]
    right_good = [each for each in said if not each.wrong and each.picture.good]
    good_share = most // 4
    chosen = (wrong + right_defects)[: most - min(good_share, len(right_good))]
    chosen += right_good[: most - len(chosen)]
    return sorted(chosen, key=lambda each: each.verdict.frame or 0)


def _panel(said: Said, distance: NDArray[np.float32] | None, cell: int) -> Picture:
    """Frame with truth and regions outlined, its map beside it, a bar with the verdict above."""
    pixels = said.picture.read()
    heat = pixels if distance is None else overlay(pixels, distance, cell, said.verdict.threshold)
    frame = _fit(_outlined(pixels, said))
    body = np.hstack([frame, _fit(heat)])
    bar = np.full((BAR, body.shape[1], 3), COLOURS[said.verdict.outcome], np.uint8)
    cv2.putText(bar, _caption(said), (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1, cv2.LINE_AA)
    return cv2.copyMakeBorder(np.vstack([bar, body]), 0, 8, 0, 8, cv2.BORDER_CONSTANT, value=(255, 255, 255))  # type: ignore[return-value]  # uint8 in, uint8 out


def _outlined(pixels: Picture, said: Said) -> Picture:
    drawn = pixels.copy()
    thickness = max(1, round(max(pixels.shape) / 200))
    truth = said.truth
    if truth is not None:
        contours, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, contours, -1, TRUTH, thickness)
    for region in said.verdict.regions:
        corner = int(region.x), int(region.y)
        cv2.rectangle(drawn, corner, (int(region.x + region.width), int(region.y + region.height)), REGION, thickness)
    return drawn


def _fit(pixels: Picture) -> Picture:
    """Within SIDE×SIDE, keeping its shape, on white."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=method)
    canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
    top, left = (SIDE - small.shape[0]) // 2, (SIDE - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def _caption(said: Said) -> str:
    verdict: Verdict = said.verdict
    score = "" if verdict.score is None else f"  {verdict.score / verdict.threshold:.2f} x threshold"
    return f"{verdict.frame}  {verdict.outcome}{score}   truth: {said.picture.kind}"
