"""The page on a candidate: how it compares, and the frames on which it disagrees, with pictures. One file."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.heatmap import css_gradient, enlarge, overlay
from inspectd.inline_picture import data_uri
from inspectd.shadow.chart import scatter
from inspectd.shadow.disagreements import Disagreement, Views, read_views
from inspectd.shadow.figures import Agreement
from inspectd.shadow.findings import Findings
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import ScoreRatios, ShadowFigures

SIDE: Final = 420
"""Longest side of a picture, px."""
QUALITY: Final = 82
"""Of the JPEGs."""
_WHITE: Final = (255, 255, 255)
_BLACK: Final = (0, 0, 0)
_KINDS: Final = {
    Agreement.ONLY_RUNNING_FAILS: (
        "Only the running model fails them",
        "Defects that the candidate would let pass, or false alarms that it would spare you.",
    ),
    Agreement.ONLY_CANDIDATE_FAILS: (
        "Only the candidate fails them",
        "Defects that pass today, or false alarms that it would bring.",
    ),
}


def report(findings: Findings, names: Mapping[str, str]) -> str:
    """The page. `names` has what people call the bundles.

    Raises:
        FileNotFoundError: the package is not whole.
    """
    told = findings.figures.told()
    return Template(files("inspectd.shadow").joinpath("page.html").read_text()).substitute(
        candidate=_named(findings.bundle, names),
        running=_named(told.against or "nothing yet", names),
        cards="".join(_cards(told)),
        agreement=_agreement(told),
        ratios=_ratios(told),
        chart=scatter(findings.figures.recent),
        recent=len(findings.figures.recent),
        sheets="".join(_sheet(kind, findings) for kind in _KINDS),
        gradient=css_gradient(),
    )


def _named(bundle: str, names: Mapping[str, str]) -> str:
    name = names.get(bundle)
    return html.escape(bundle if name is None else f"{name} ({bundle})")


def _cards(told: ShadowFigures) -> Iterable[str]:
    disagree = told.only_running_fails + told.only_candidate_fails
    share = f"{disagree / told.compared:.2%} of the frames" if told.compared else "none was compared yet"
    yield _card("Frames compared", f"{told.compared:,}", f"{told.skipped:,} passed by: no time for them")
    yield _card("Disagreements", f"{disagree:,}", share)
    if told.cpu_ms is not None:
        yield _card("Time for a frame", f"{told.cpu_ms:,.0f} ms", "of one core, the candidate, median")


def _card(name: str, value: str, note: str) -> str:
    return f'<div class="card"><span>{name}</span><b>{value}</b><span>{note}</span></div>'


def _agreement(told: ShadowFigures) -> str:
    return (
        '<table><tr><th></th><th class="n">candidate PASS</th><th class="n">candidate FAIL</th></tr>'
        f'<tr><td>running PASS</td><td class="n">{told.both_pass:,}</td>'
        f'<td class="n odd">{told.only_candidate_fails:,}</td></tr>'
        f'<tr><td>running FAIL</td><td class="n odd">{told.only_running_fails:,}</td>'
        f'<td class="n">{told.both_fail:,}</td></tr></table>'
    )


def _ratios(told: ShadowFigures) -> str:
    rows = "".join(
        f"<tr><td>{name}</td>"
        + "".join(f'<td class="n">{value:.2f}</td>' for value in (ratios.p50, ratios.p95, ratios.p99, ratios.max))
        + "</tr>"
        for name, ratios in _both(told)
    )
    heads = "".join(f'<th class="n">{head}</th>' for head in ("median", "95 %", "99 %", "largest"))
    return f"<table><tr><th>score ÷ threshold</th>{heads}</tr>{rows}</table>"


def _both(told: ShadowFigures) -> Iterable[tuple[str, ScoreRatios]]:
    if told.running_ratios is not None and told.candidate_ratios is not None:
        yield "running", told.running_ratios
        yield "candidate", told.candidate_ratios


def _sheet(kind: Agreement, findings: Findings) -> str:
    title, meaning = _KINDS[kind]
    of_kind = [entry for entry in findings.disagreements if entry[1].kind is kind]
    counted = getattr(findings.figures.counts, kind)
    shown = f"{counted:,}" if counted == len(of_kind) else f"{counted:,}, the worst {len(of_kind)} shown"
    figures = "".join(_shown(entry, found) for entry, found in of_kind)
    body = f'<div class="sheet">{figures}</div>' if figures else ""
    return f'<h2>{title} <span class="soft">{shown}</span></h2><p class="soft">{meaning}</p>{body}'


def _shown(entry: Path, found: Disagreement) -> str:
    with suppress(OSError):  # removed this very moment, or damaged
        views, verdict = read_views(entry), found.verdict
        assert verdict.score is not None
        panels = (
            _panel("the picture", views.pixels, ""),
            _panel("running", *_seen(views, views.running, verdict.score, verdict.threshold)),
            _panel("candidate", *_seen(views, views.candidate, found.score, found.threshold)),
        )
        when = verdict.captured_utc[:19].replace("T", " ")
        caption = f"<b>{html.escape(verdict.camera)}</b> frame {verdict.frame} · {when} UTC"
        source = "" if verdict.source is None else f" · {html.escape(verdict.source)}"
        return (
            f'<figure><div class="panels">{"".join(panels)}</div>'
            f"<figcaption>{caption}{source} · verdict {verdict.sequence:,}</figcaption></figure>"
        )
    return ""


def _seen(views: Views, drawn: MapDraft, score: float, threshold: float) -> tuple[NDArray[np.uint8], str]:
    """The map laid over the picture, what reaches the threshold outlined, and what was said of it."""
    height, width = views.pixels.shape[:2]
    laid_over = overlay(views.pixels, drawn.distance, drawn.cell, threshold)
    said = f"score {score:.3g} of {threshold:.3g}, <b>{score / threshold:.2f}</b> of the threshold"
    if score < threshold:
        return laid_over, f'<b class="pass">PASS</b> {said}'
    found = (enlarge(drawn.distance, drawn.cell, height, width) >= threshold).astype(np.uint8)
    contours, _ = cv2.findContours(found, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    line = max(1, round(max(height, width) / 250))
    cv2.drawContours(laid_over, contours, -1, _BLACK, 3 * line)
    cv2.drawContours(laid_over, contours, -1, _WHITE, line)
    return laid_over, f'<b class="fail">FAIL</b> {said}'


def _panel(name: str, pixels: NDArray[np.uint8], said: str) -> str:
    return f'<div><img alt="{name}" src="{data_uri(pixels, SIDE, QUALITY)}"><span>{name}<br>{said}</span></div>'
