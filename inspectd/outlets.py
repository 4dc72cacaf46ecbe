"""Where what was decided goes: the journal, the sockets, and whoever looks on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from prometheus_client import ProcessCollector

from inspectd.archive import Archive
from inspectd.given import Given
from inspectd.journal import Journal
from inspectd.metrics.health import ailments
from inspectd.metrics.page import Page
from inspectd.metrics.server import MetricsServer
from inspectd.metrics.standing import Standing
from inspectd.models.active import Active
from inspectd.models.recording import record_untold
from inspectd.models.registry import Registry
from inspectd.pipeline.onlookers import Onlooker
from inspectd.previews.previews import Previews
from inspectd.publisher import Publisher
from inspectd.replay import ReplayServer
from inspectd.shadow.shadow import Shadow


@dataclass(frozen=True)
class Outlets:
    """What is open."""

    journal: Journal
    publisher: Publisher
    archive: Archive | None
    shadow: Shadow | None
    """None where the configuration names the bundle."""


def opened_outlets(given: Given, registry: Registry | None, active: Active | None, parts: ExitStack) -> Outlets:
    """Open what the settings ask for, until `parts` closes it; the first heartbeat is sent. `active` is the registry's
    record: what the journal does not have of it is recorded.

    Raises:
        JournalError: the journal cannot be used.
        PublishError: an address cannot be bound.
    """
    settings = given.settings
    limits = settings.journal.max_age_days, settings.journal.max_size_mb
    journal = parts.enter_context(Journal(settings.journal.path, *limits))
    shadow = parts.enter_context(Shadow(registry.directory, settings, given.meters)) if registry is not None else None
    archive = parts.enter_context(_archive(given)) if settings.archive.path else None
    publisher = Publisher(
        settings.publish,
        settings.publisher,
        uuid.uuid4().hex,
        journal,
        given.account.status,
        on_fatal=given.on_fatal,
        meters=given.meters,
        onlookers=_onlookers(given, shadow, archive, parts),
        guard=given.guard,
    )
    parts.callback(publisher.close)
    publisher.start()
    if active is not None:
        record_untold(active, journal, publisher.submit)
    parts.enter_context(ReplayServer(settings.publish.replay, journal, given.guard))
    if settings.metrics.address:
        parts.enter_context(_metrics(given, publisher, archive))
    return Outlets(journal, publisher, archive, shadow)


def _archive(given: Given) -> Archive:
    areas = {name: camera.view.area for name, camera in given.cameras.items()}
    return Archive(given.settings.archive, given.meters, areas=areas)


def _onlookers(given: Given, shadow: Shadow | None, archive: Archive | None, parts: ExitStack) -> Iterator[Onlooker]:
    if shadow is not None:
        yield shadow
    if archive is not None:
        yield archive
    if given.settings.drift.enabled:
        yield given.account.drift
    if given.settings.publish.pictures:
        yield parts.enter_context(Previews(given.settings.publish, given.guard))


def _metrics(given: Given, publisher: Publisher, archive: Archive | None) -> MetricsServer:
    registry, account = given.meters.registry, given.account
    ProcessCollector(registry=registry)
    registry.register(Standing(given.settings, publisher, lambda: account.inspector, lambda: account.vitals, archive))
    return MetricsServer(
        given.settings.metrics.address, Page(registry).text, lambda: ailments(publisher.heartbeat, account.vitals)
    )
