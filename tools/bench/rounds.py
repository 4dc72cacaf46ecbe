"""Measuring two things in turn, and what their ratio is."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.progress import track


@dataclass(frozen=True)
class Comparison:
    """Rates of two candidates, measured in turn, in the same unit."""

    first: str
    second: str
    rates: tuple[tuple[float, float], ...]
    """One pair a round."""

    @property
    def ratio(self) -> float:
        """Median over the rounds of first ÷ second."""
        return statistics.median(a / b for a, b in self.rates)

    @property
    def spread(self) -> tuple[float, float]:
        """Smallest and largest ratio of a round."""
        ratios = [a / b for a, b in self.rates]
        return min(ratios), max(ratios)

    def medians(self) -> tuple[float, float]:
        """Median rate of each."""
        return statistics.median(a for a, _ in self.rates), statistics.median(b for _, b in self.rates)

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        first, second = self.medians()
        return {
            self.first: first,
            self.second: second,
            "ratio": self.ratio,
            "ratio_min": self.spread[0],
            "ratio_max": self.spread[1],
            "rounds": len(self.rates),
        }


def compare(first: tuple[str, Callable[[], float]], second: tuple[str, Callable[[], float]], rounds: int) -> Comparison:
    """Measure both `rounds` times in turn, the order changing from round to round."""
    rates = []
    steps: Iterable[int] = track(range(rounds), description="rounds", transient=True)
    for index in steps:
        if index % 2:
            b, a = second[1](), first[1]()
        else:
            a, b = first[1](), second[1]()
        rates.append((a, b))
    return Comparison(first[0], second[0], tuple(rates))
