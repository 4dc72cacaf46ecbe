"""What a candidate has found so far, read from its registry: figures and disagreements."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inspectd.errors import ModelRefusedError
from inspectd.shadow.disagreements import Disagreement, read_disagreements
from inspectd.shadow.figures import Figures, read_figures
from inspectd.shadow.shadow import results_in


@dataclass(frozen=True)
class Findings:
    """Of one candidate."""

    bundle: str
    """Name of its bundle."""
    figures: Figures
    """As they were written last, some seconds ago where it looks on."""
    disagreements: tuple[tuple[Path, Disagreement], ...]
    """Each with its directory; the least agreement first."""

    @classmethod
    def read(cls, registry: Path, bundle: str | None = None) -> Self:
        """Of the candidate `bundle`, which may have found nothing yet, or, where None, of the one that looked on last;
        `registry` is its directory.

        Raises:
            ModelRefusedError: none has.
        """
        results = results_in(registry)
        of_one = _latest(results) if bundle is None else results / bundle
        if of_one is None:
            raise ModelRefusedError(
                f"no candidate has looked on in {registry}, or this user may not look there; "
                "'inspectd models shadow MODEL' has one do so"
            )
        disagreements = sorted(read_disagreements(of_one), key=lambda entry: -entry[1].gap)
        return cls(of_one.name, read_figures(of_one), tuple(disagreements))


def _latest(results: Path) -> Path | None:
    found = [path for path in results.glob("[!.]*") if path.is_dir()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
