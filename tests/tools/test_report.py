"""The report stands on its own, stays small and says how the threshold came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from calib.threshold import calibrate
from engines.manifest import TileGeometry
from tools.report.fit_report import Example, FitReport, render
from tools.report.wording import figure, seconds, threshold_story


class Page(HTMLParser):
    """Collects what a page refers to, its words and whether its elements are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.words: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        names = {"src", "href", "xlink:href", "data", "action"}
        self.references += [value or "" for name, value in attrs if name in names]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def example(label: str, seed: int, side: int = 128) -> Example:
    rng = np.random.default_rng(seed)
    distance = rng.gamma(4, 0.05, (side // 8, side // 8)).astype(np.float32)
    mask = np.zeros((side, side), bool)
    mask[20:40, 20:60] = True
    return Example(label, rng.integers(0, 256, (side, side, 3), np.uint8), distance, 8, float(distance.max()), mask)


def report(held_out: int = 40, examples: Sequence[Example] = ()) -> FitReport:
    rng = np.random.default_rng(0)
    calibration = calibrate(
        rng.gamma(20, 0.05, held_out), target_false_rejects=0.01, top_cells=4, cells_per_picture=256
    )
    return FitReport(
        surface="linen",
        created_utc="2026-01-01T12:00:00Z",
        bundle_note="256 centroids of width 64.",
        method="cse",
        backbone="tf_efficientnet_lite0 (package)",
        geometry=TileGeometry(size=128, overlap=32, cell=8, alignment=32),
        pictures=100,
        held_out_pictures=held_out,
        tiles=400,
        defect_pictures=0,
        calibration=calibration,
        synthetic_scores=rng.gamma(6, 0.9, 200),
        losses=[(1, 0.5, 2.0), (2, 0.25, 1.0)],
        figures={"synthetic_auroc": 0.9941, "engine_tile_s": 0.0095, "centroids": 256.0},
        seconds={"features": 12.0, "embedder": 75.0},
        choices=["Tiles of 128 px: the pictures are no larger, a < b & c."],
        examples=list(examples),
    )


def test_the_page_needs_nothing_from_outside() -> None:
    html = render(report(examples=[example("good, held out", 1), example("synthetic: crack", 2)]))
    page = Page(html)
    assert page.counts["img"] == 4
    assert page.counts["svg"] == 2
    assert all(reference.startswith(("data:image/jpeg;base64,", "#")) for reference in page.references)
    for part in ("url(http", "@import", "<script", "<link"):
        assert part not in html


def test_the_page_says_what_was_measured() -> None:
    page = Page(render(report(examples=[example("synthetic: crack", 2)])))
    for text in ("linen", "synthetic: crack", "contrast loss", "target 1 %", "a < b & c", "1 min 27 s", "10 ms"):
        assert text in page.text, text
    assert "Real defects" not in page.text


def test_real_defects_bring_their_roc() -> None:
    scores = np.random.default_rng(1).gamma(5, 0.6, 30)
    page = Page(render(replace(report(), defect_scores=scores, defect_pictures=30)))
    assert "Real defects" in page.text
    assert "false rejects at 99 % detection" in page.text
    assert page.counts["svg"] == 3


def test_many_large_noisy_examples_stay_small() -> None:
    html = render(report(examples=[example(f"synthetic: {seed}", seed, 1024) for seed in range(30)]))
    assert len(html.encode()) < 600_000


def test_a_report_of_the_barest_fit() -> None:
    bare = replace(report(held_out=1), losses=[], figures={}, seconds={}, choices=[], synthetic_scores=np.empty(0))
    page = Page(render(bare))
    assert "Training" not in page.text
    assert "no rate can be promised" in page.text


def test_text_from_outside_is_escaped() -> None:
    html = render(replace(report(), bundle_note="<script>alert(1)</script>"))
    assert "<script>" not in html


@pytest.mark.parametrize(
    ("held_out", "words"),
    [
        (300, "Split conformal: of the 300"),
        (40, "the 40 held-out good pictures are fewer than the 99"),
        (3, "Twice the largest score of the 3 good pictures"),
        (1, "of the 1 good picture held out"),
    ],
)
def test_the_threshold_s_story(held_out: int, words: str) -> None:
    story = " ".join(threshold_story(report(held_out).calibration))
    assert words in story
    assert "Clopper-Pearson" in story


def test_numbers_are_written_for_people() -> None:
    assert [seconds(value) for value in (0.0042, 3.14, 75.9)] == ["4 ms", "3.1 s", "1 min 15 s"]
    assert figure("bundle_bytes", 11_200_000.0) == "11\u202f200\u202f000"
    assert figure("auroc", 0.99414) == "0.9941"
    assert figure("engine_tile_s", 0.0095) == "10 ms"
    assert figure("target_false_rejects", 0.01) == "1 %"
    assert figure("false_rejects_low", 0.0) == "0 %"


def test_the_page_says_what_was_held_out_whole() -> None:
    page = Page(render(replace(report(), by="blocks", groups=(9, 3))))
    for text in ("blocks of good pictures held out 40", "groups learned from 9", "groups held out 3"):
        assert text in page.text, text
    assert "groups" not in Page(render(report())).text
