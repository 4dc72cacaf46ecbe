"""What is counted as it happens.

Each histogram has one thread that observes, counters may have several; what a lock costs there is that of taking one
that nobody else holds. Only the page, once a second at most, reads beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from inspectd.metrics import catalogue
from inspectd.metrics.catalogue import AGREEMENTS, DROP_REASONS, STAGE_NAMES, Metric
from inspectd.pipeline.ledger import OpenFrame
from inspectd.wire.models import Numbered, Outcome, PartVerdict, Reason, Verdict

_Meter = TypeVar("_Meter", Counter, Histogram)

_SAID: Final = (
    (Outcome.PASS, None),
    (Outcome.FAIL, None),
    *((Outcome.ERROR, reason) for reason in Reason),
)
"""Everything that can be said."""

# Of no use here: for each series a line that says when the daemon was started.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Meters:
    """All series exist from the start, at 0: a rate then sees the first event too."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self.registry: Final = CollectorRegistry()
        names = tuple(cameras)
        verdicts = self._counter(catalogue.VERDICTS)
        self._verdicts = {
            (camera, *said): verdicts.labels(camera, *map(_label, said)) for camera in names for said in _SAID
        }
        parts = self._counter(catalogue.PART_VERDICTS)
        self._parts = {said: parts.labels(*map(_label, said)) for said in _SAID}
        self._lost = self._counter(catalogue.VERDICTS_LOST)
        self._refused = self._counter(catalogue.CLIENTS_REFUSED)
        self._latency = self._by_label(catalogue.LATENCY, names)
        self._deadline_used = self._by_label(catalogue.DEADLINE_USED, names)
        self._scores = self._by_label(catalogue.SCORES, names)
        self._stages = self._by_label(catalogue.STAGES, STAGE_NAMES)
        self._batches = self._counter(catalogue.BATCHES)
        self._batches_failed = self._counter(catalogue.BATCHES_FAILED)
        self._tiles = self._counter(catalogue.TILES)
        archived, not_archived = self._counter(catalogue.ARCHIVED), self._counter(catalogue.NOT_ARCHIVED)
        self._archived = {outcome: archived.labels(outcome) for outcome in Outcome}
        self._not_archived = {reason: not_archived.labels(reason) for reason in DROP_REASONS}
        compared = self._counter(catalogue.SHADOW_COMPARED)
        self._compared = {agreement: compared.labels(agreement) for agreement in AGREEMENTS}
        self._skipped = self._counter(catalogue.SHADOW_SKIPPED)
        self._comparing = Gauge(catalogue.SHADOW.name, catalogue.SHADOW.meaning, registry=self.registry)

    # Of the inspector

    def batch(self, tiles: int) -> None:
        """The engine has run a batch."""
        self._batches.inc()
        self._tiles.inc(tiles)

    def batch_failed(self) -> None:
        """The engine has failed on a batch."""
        self._batches_failed.inc()

    def judged(self, opened: OpenFrame, collected_ns: int, decided_ns: int) -> None:
        """A frame was judged whose last maps came at `collected_ns`. One thread."""
        moments = opened.since_ns, opened.arrived_ns, opened.submitted_ns, collected_ns, decided_ns
        self._observe("capture", moments[0], moments[1])
        self._observe("queue", moments[1], moments[2])
        self._observe("engine", moments[2], moments[3])
        self._observe("judging", moments[3], moments[4])

    # Of the publisher

    def published(self, message: Numbered, durable_ns: int, sent_ns: int) -> None:
        """Something was sent that was durable at `durable_ns`. One thread."""
        if isinstance(message, PartVerdict):
            self._parts[message.outcome, message.reason].inc()
        elif isinstance(message, Verdict):
            self._of_frame(message, durable_ns, sent_ns)

    def _of_frame(self, verdict: Verdict, durable_ns: int, sent_ns: int) -> None:
        self._verdicts[verdict.camera, verdict.outcome, verdict.reason].inc()
        self._observe("journal", verdict.decided_monotonic_ns, durable_ns)
        self._observe("publishing", durable_ns, sent_ns)
        if verdict.score is not None:
            self._scores[verdict.camera].observe(verdict.score / verdict.threshold)
        if verdict.frame is not None:
            latency_s = _seconds(verdict.captured_monotonic_ns, sent_ns)
            self._latency[verdict.camera].observe(latency_s)
            if verdict.deadline_ms:
                self._deadline_used[verdict.camera].observe(latency_s * 1000 / verdict.deadline_ms)

    def lost(self, verdicts: int) -> None:
        """So many could not be journaled."""
        self._lost.inc(verdicts)

    # Of the archive

    def archived(self, outcome: Outcome) -> None:
        """A picture was archived."""
        self._archived[outcome].inc()

    def not_archived(self, reason: str) -> None:
        """One that was to be was not, for one of `DROP_REASONS`."""
        self._not_archived[reason].inc()

    # Of the shadow

    def watch_shadow(self, comparing: Callable[[], bool]) -> None:
        """`comparing` says whether a candidate is compared; it is asked whenever somebody looks."""
        self._comparing.set_function(comparing)

    def shadow_compared(self, agreement: str) -> None:
        """A candidate was compared on a frame: one of `AGREEMENTS`."""
        self._compared[agreement].inc()

    def shadow_skipped(self) -> None:
        """It had no time for a frame."""
        self._skipped.inc()

    # Of the doorkeepers

    def refused(self) -> None:
        """A client was."""
        self._refused.inc()

    def _observe(self, stage: str, since_ns: int, until_ns: int) -> None:
        self._stages[stage].observe(_seconds(since_ns, until_ns))

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.meaning, metric.labels, registry=self.registry)

    def _by_label(self, metric: Metric, values: Iterable[str]) -> dict[str, Histogram]:
        histogram = Histogram(
            metric.name, metric.meaning, metric.labels, buckets=metric.buckets, registry=self.registry
        )
        return {value: histogram.labels(value) for value in values}


def _label(said: Any) -> str:
    return "" if said is None else str(said)


def _seconds(since_ns: int, until_ns: int) -> float:
    """Never below 0: a driver may date a frame a little ahead."""
    return max(0, until_ns - since_ns) / 1e9
