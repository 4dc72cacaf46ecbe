"""How things stand, read when somebody asks: nothing of this costs anything in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from inspectd.archive import Archive
from inspectd.metrics import catalogue
from inspectd.metrics.catalogue import Metric
from inspectd.metrics.health import heartbeat_age_s
from inspectd.pipeline.inspector import Inspector
from inspectd.publisher import Publisher
from inspectd.settings import Settings
from inspectd.vitals import Vitals
from inspectd.wire.models import CameraDrift, CameraState, DaemonState, DriftLevel, Heartbeat

VERSION = version("inspectd")

Row = tuple[Sequence[str], float]
"""The labels' values, and the value."""


class Standing(Collector):
    """Reads the daemon's parts, those that are there already."""

    def __init__(
        self,
        settings: Settings,
        publisher: Publisher,
        inspector: Callable[[], Inspector | None],
        vitals: Callable[[], Vitals | None],
        archive: Archive | None = None,
    ) -> None:
        self._settings = settings
        self._publisher = publisher
        self._inspector = inspector
        self._vitals = vitals
        self._archive = archive

    def collect(self) -> Iterator[Family]:
        """The families; one whose source does not answer is left out."""
        heartbeat = self._publisher.heartbeat
        if heartbeat is not None:
            yield from self._of_heartbeat(heartbeat)
        vitals = self._vitals()
        if vitals is not None:
            yield _family(catalogue.STAGE_ALIVE, (((stage,), alive) for stage, alive in vitals.alive().items()))
        yield from self._of_queues()
        yield from self._of_journal()
        if self._archive is not None:
            yield from self._of_archive(self._archive)

    def _of_heartbeat(self, heartbeat: Heartbeat) -> Iterator[Family]:
        runtime = str(self._settings.engine.runtime)
        yield _family(catalogue.DAEMON, [((heartbeat.publisher, heartbeat.boot, VERSION), 1)])
        yield _family(catalogue.MODEL, [((heartbeat.surface, heartbeat.bundle, runtime), 1)])
        yield _family(catalogue.STATE, (((state,), state is heartbeat.state) for state in DaemonState))
        yield _one(catalogue.HEARTBEAT_AGE, heartbeat_age_s(heartbeat))
        yield _one(catalogue.THRESHOLD, heartbeat.threshold)
        yield _one(catalogue.SEQUENCE, self._publisher.latest)
        yield _one(catalogue.OPEN_FRAMES, heartbeat.open_frames)
        cameras = heartbeat.cameras
        states = (((camera.camera, state), state is camera.state) for camera in cameras for state in CameraState)
        yield _family(catalogue.CAMERA_STATE, states)
        yield _family(catalogue.FRAMES, (((camera.camera,), camera.frames) for camera in cameras))
        yield _family(catalogue.RESTARTS, (((camera.camera,), camera.restarts) for camera in cameras))
        yield _family(catalogue.UNTRIGGERED, (((camera.camera,), camera.untriggered) for camera in cameras))
        yield _family(catalogue.UNINSPECTED, (((camera.camera,), camera.uninspected_mm) for camera in cameras))
        yield from _of_drift({camera.camera: camera.drift for camera in cameras if camera.drift is not None})

    def _of_queues(self) -> Iterator[Family]:
        limits = (((name,), camera.queue_frames) for name, camera in self._settings.cameras.items())
        yield _family(catalogue.QUEUE_LIMIT, limits)
        inspector = self._inspector()
        if inspector is not None:
            yield _family(catalogue.QUEUED, (((name,), count) for name, count in inspector.queued().items()))
            yield _one(catalogue.BATCH_LIMIT, inspector.max_batch)

    def _of_journal(self) -> Iterator[Family]:
        yield _one(catalogue.WAITING, self._publisher.waiting)
        yield _one(catalogue.JOURNAL_LAG, self._publisher.lag_s)
        settings = self._settings.journal
        yield _one(catalogue.JOURNAL_LIMIT, settings.max_size_mb << 20)
        with suppress(OSError):
            yield _one(catalogue.JOURNAL_BYTES, _size(settings.path))
            disk = os.statvfs(settings.path.parent)
            yield _one(catalogue.DISK_FREE, disk.f_bavail * disk.f_frsize)
            yield _one(catalogue.DISK_SIZE, disk.f_blocks * disk.f_frsize)

    def _of_archive(self, archive: Archive) -> Iterator[Family]:
        yield _one(catalogue.ARCHIVE_FAILING, archive.failing is not None)
        yield _one(catalogue.ARCHIVE_BYTES, archive.bytes)
        yield _one(catalogue.ARCHIVE_LIMIT, self._settings.archive.max_size_mb << 20)
        yield _one(catalogue.ARCHIVE_FREE, archive.free_bytes)


def _of_drift(drifts: Mapping[str, CameraDrift]) -> Iterator[Family]:
    levels = (((name, level), level is drift.level) for name, drift in drifts.items() for level in DriftLevel)
    yield _family(catalogue.DRIFT, levels)
    yield _family(catalogue.DRIFT_SCORES, (((name,), 1 + drift.scores) for name, drift in drifts.items()))
    distances = {name: drift.distances for name, drift in drifts.items()}
    yield _family(
        catalogue.DRIFT_DISTANCES, (((name,), 1 + change) for name, change in distances.items() if change is not None)
    )
    yield _family(catalogue.DRIFT_REJECTS, (((name,), drift.false_rejects) for name, drift in drifts.items()))


def _size(journal: Path) -> int:
    log = journal.with_name(journal.name + "-wal")
    return journal.stat().st_size + (log.stat().st_size if log.exists() else 0)


def _one(metric: Metric, value: float) -> Family:
    return _family(metric, [((), value)])


def _family(metric: Metric, rows: Iterable[Row]) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in rows:
        family.add_metric(labels, value)
    return family
