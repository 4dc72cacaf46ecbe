"""What a study says: medians and ranges, the best of a row, and false rejects of all surfaces together."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

pytest.importorskip("scipy")
pytest.importorskip("matplotlib")

from tools.evaluate.evaluation import DefectFigures, Figures
from tools.study.plot import save_plot
from tools.study.results import Result, pooled_false_rejects
from tools.study.tables import as_json, as_markdown


def result(
    method: str,
    seed: int,
    auroc: float | None,
    *,
    surface: str = "felt",
    frr: float = 0.1,
    rejects: int = 0,
    kinds: dict[str, float] | None = None,
    shipped: str | None = None,
) -> Result:
    """Of ten good pictures and four defective ones, none of which anybody marked."""
    reached = Figures(
        image_auroc=auroc,
        pixel_auroc=None,
        aupro=None,
        frr_at_95=frr,
        frr_at_99=frr,
        detection=0.5,
        false_rejects=rejects / 10,
        false_rejects_interval=(0.0, 1.0),
        good=10,
        defective=4,
        marked=0,
        regions=0,
        by_defect={kind: DefectFigures(2, 1, value) for kind, value in (kinds or {"crack": 0.5}).items()},
    )
    return Result(surface, method, shipped or method, seed, reached)


def section(results: list[Result], title: str) -> list[list[str]]:
    """Cells of the table below this heading, without the head's rule."""
    text = as_markdown(results, "inspectd-train study", 0.05).split(f"### {title}\n\n")[1].split("\n###")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [rows[0], *rows[2:]]


THREE_SEEDS = [
    *(result("cse", seed, auroc) for seed, auroc in enumerate((0.9, 0.99, 0.95))),
    *(result("patchcore", seed, auroc) for seed, auroc in enumerate((0.97, 0.92, 0.93))),
]


def test_a_cell_has_the_median_over_seeds_with_its_range_and_the_best_median_is_bold() -> None:
    assert section(THREE_SEEDS, "image AUROC") == [
        ["surface", "cse", "patchcore"],
        ["felt", "**0.9500**<br>0.9000 – 0.9900", "0.9300<br>0.9200 – 0.9700"],
    ]


def test_seeds_that_agree_have_no_range_and_methods_that_agree_are_both_best() -> None:
    same = [result(method, seed, 1.0) for method in ("cse", "patchcore") for seed in range(2)]
    assert section(same, "image AUROC")[1] == ["felt", "**1.0000**", "**1.0000**"]


def test_of_false_rejects_the_least_is_best_and_of_detection_the_most() -> None:
    results = [result("cse", 0, 0.9, frr=0.3, rejects=2), result("patchcore", 0, 0.9, frr=0.05, rejects=1)]
    assert section(results, "false rejects at 95 % detection")[1] == ["felt", "30 %", "**5 %**"]
    assert section(results, "false rejects at the threshold")[1] == ["felt", "20 %", "**10 %**"]
    assert section(results, "detection at the threshold")[1] == ["felt", "**50 %**", "**50 %**"]


def test_what_a_surface_cannot_tell_is_a_dash() -> None:
    assert section(THREE_SEEDS, "AUPRO")[1] == ["felt", "—", "—"]


def test_a_method_that_has_not_run_on_a_surface_yet_is_a_dash_there() -> None:
    rows = section([*THREE_SEEDS, result("cse", 0, 0.8, surface="tile")], "image AUROC")
    assert rows[2] == ["tile", "**0.8000**", "—"]


def test_kinds_of_defects_have_rows_of_their_own_where_there_are_several() -> None:
    title = "By kind of defect, image AUROC"
    results = [
        result("cse", 0, 0.9, kinds={"crack": 0.7, "stain": 1.0}),
        result("patchcore", 0, 0.9, kinds={"crack": 0.8}),
    ]
    assert section(results, title)[1:] == [
        ["felt", "crack", "0.7000", "**0.8000**"],
        ["felt", "stain", "**1.0000**", "—"],
    ]
    assert "No surface has more than one kind." in as_markdown(THREE_SEEDS, "", 0.05)


def test_false_rejects_are_counted_over_all_surfaces_and_seeds() -> None:
    results = [
        result("cse", 0, 0.9, rejects=1),
        result("cse", 1, 0.9, rejects=0),
        result("cse", 0, 0.9, rejects=3, surface="tile"),
        result("patchcore", 0, 0.9, rejects=10),
    ]
    pooled = pooled_false_rejects(results, "cse")
    assert (pooled.failed, pooled.inspected) == (4, 30)
    assert pooled.share == pytest.approx(4 / 30)
    assert pooled.interval == pytest.approx((0.0376, 0.3072), abs=1e-4)
    row = section(results, "False rejects of good pictures never seen, all surfaces and seeds")[1]
    assert row == ["cse", "5 %", "13.3 %", "3.76 % to 30.7 %", "4 of 30"]


def test_it_says_what_cse_chose_to_ship() -> None:
    title = "What `cse` shipped"
    assert section([result("cse", 0, 0.9), result("cse", 1, 0.9, shipped="whitened")], title)[1] == [
        "felt",
        "seed 0: cse, seed 1: whitened",
    ]
    assert "`cse` was not run." in as_markdown([result("patchcore", 0, 0.9)], "", 0.05)


def test_it_says_by_which_command_and_of_how_many_seeds() -> None:
    told = as_markdown(THREE_SEEDS, "inspectd-train study --data 'my felt'", 0.05)
    assert "Made by `inspectd-train study --data 'my felt'`." in told
    assert "Median over 3 seeds" in told
    assert "Median over 1 seed," in as_markdown(THREE_SEEDS[:1], "", 0.05)


def test_json_has_every_result_by_itself() -> None:
    written = json.loads(as_json([*THREE_SEEDS, result("cse", 7, None, rejects=2)], "the command", 0.05))
    assert (written["command"], written["target_false_rejects"]) == ("the command", 0.05)
    assert [row["image AUROC"] for row in written["results"]] == [0.9, 0.99, 0.95, 0.97, 0.92, 0.93, None]
    last = written["results"][-1]
    assert (last["surface"], last["method"], last["shipped"], last["seed"]) == ("felt", "cse", "cse", 7)
    assert (last["good"], last["defective"], last["false rejects at the threshold"]) == (10, 4, 0.2)
    assert last["by defect"] == {"crack": 0.5}


def test_the_plot_stands_where_a_figure_is_known_for_no_surface(tmp_path: Path) -> None:
    save_plot([*THREE_SEEDS, result("cse", 0, 0.8, surface="tile")], tmp_path / "study.png")
    drawn = cv2.imread(str(tmp_path / "study.png"))
    assert drawn is not None
    assert drawn.std() > 5
