"""A study as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tools.evaluate.tables import percent
from tools.study.results import FIGURES, Figure, Result, Spread, names, of, pooled_false_rejects, spread

_SHARES = frozenset(name for name in FIGURES if name.startswith(("false rejects", "detection")))


def as_markdown(results: Sequence[Result], command: str, target: float) -> str:
    """All figures, a table each: surfaces down, methods across, the median over seeds with its range."""
    surfaces, methods = names(results)
    seeds = sorted({result.seed for result in results})
    parts = [
        f"Made by `{command}`.\n",
        f"Median over {len(seeds)} seed{'s' if len(seeds) > 1 else ''}, least and most below it. "
        "The best median of a row is bold.\n",
    ]
    for name, figure in FIGURES.items():
        parts += [f"### {name}\n", _table(results, surfaces, methods, name, figure)]
    parts += ["### By kind of defect, image AUROC\n", _by_kind(results, surfaces, methods)]
    parts += ["### False rejects of good pictures never seen, all surfaces and seeds\n", _rejects(results, target)]
    parts += ["### What `cse` shipped\n", _shipped(results)]
    return "\n".join(part for part in parts if part)


def as_json(results: Sequence[Result], command: str, target: float) -> str:
    """Every result by itself."""
    rows = [
        {
            "surface": result.surface,
            "method": result.method,
            "shipped": result.shipped,
            "seed": result.seed,
            "good": result.figures.good,
            "defective": result.figures.defective,
            **{name: figure(result.figures) for name, figure in FIGURES.items()},
            "by defect": {kind: one.image_auroc for kind, one in result.figures.by_defect.items()},
        }
        for result in results
    ]
    return json.dumps({"command": command, "target_false_rejects": target, "results": rows}, indent=1) + "\n"


def _table(
    results: Sequence[Result], surfaces: Sequence[str], methods: Sequence[str], name: str, figure: Figure
) -> str:
    rows = []
    for surface in surfaces:
        spreads = [spread(of(results, surface, method), figure) for method in methods]
        known = [each.median for each in spreads if each is not None]
        best = None if not known else min(known) if name.startswith("false rejects") else max(known)
        rows.append([surface, *(_cell(each, best, share=name in _SHARES) for each in spreads)])
    return _markdown(["surface", *methods], rows)


def _cell(value: Spread | None, best: float | None, *, share: bool) -> str:
    if value is None:
        return "—"
    median, least, most = (
        (percent(each) if share else f"{each:.4f}") for each in (value.median, value.least, value.most)
    )
    shown = f"**{median}**" if value.median == best else median
    return shown if least == most else f"{shown}<br>{least} – {most}"


def _by_kind(results: Sequence[Result], surfaces: Sequence[str], methods: Sequence[str]) -> str:
    rows = []
    for surface in surfaces:
        own = [result for result in results if result.surface == surface]
        kinds = list(dict.fromkeys(kind for result in own for kind in result.figures.by_defect))
        if len(kinds) < 2:
            continue
        for kind in kinds:
            spreads = [spread(of(results, surface, method), _kind_auroc(kind)) for method in methods]
            best = max((each.median for each in spreads if each is not None), default=None)
            rows.append([surface, kind, *(_cell(each, best, share=False) for each in spreads)])
    return _markdown(["surface", "defect", *methods], rows) if rows else "No surface has more than one kind.\n"


def _kind_auroc(kind: str) -> Figure:
    return lambda figures: figures.by_defect[kind].image_auroc if kind in figures.by_defect else None


def _rejects(results: Sequence[Result], target: float) -> str:
    rows = []
    for method in names(results)[1]:
        pooled = pooled_false_rejects(results, method)
        low, high = pooled.interval
        interval, counts = f"{percent(low)} to {percent(high)}", f"{pooled.failed} of {pooled.inspected}"
        rows.append([method, percent(target), percent(pooled.share), interval, counts])
    return _markdown(["method", "target", "observed", "95 % interval", "pictures"], rows)


def _shipped(results: Sequence[Result]) -> str:
    rows = []
    for surface in names(results)[0]:
        own = of(results, surface, "cse")
        if own:
            rows.append([surface, ", ".join(f"seed {result.seed}: {result.shipped}" for result in own)])
    return _markdown(["surface", "shipped"], rows) if rows else "`cse` was not run.\n"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
