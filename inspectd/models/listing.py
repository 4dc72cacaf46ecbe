"""The list of models, as it is told."""

from __future__ import annotations

from collections.abc import Iterable

from inspectd.models.active import Active
from inspectd.models.catalogue import Entry
from inspectd.wire.models import ModelEntry, ModelRole


def listed(entries: Iterable[Entry], active: Active | None, shadow: str | None = None) -> tuple[ModelEntry, ...]:
    """What is told of the entries; `shadow` is the bundle that looks on."""
    roles = {} if shadow is None else {shadow: ModelRole.SHADOW}
    if active is not None:
        roles |= {active.previous_bundle or "": ModelRole.PREVIOUS, active.judging.bundle: ModelRole.ACTIVE}
    return tuple(
        ModelEntry(
            bundle=entry.note.bundle,
            id=entry.note.id,
            surface=entry.note.surface,
            name=entry.note.name,
            note=entry.note.note,
            threshold=entry.note.threshold,
            added_utc=entry.note.added_utc,
            role=roles.get(entry.note.bundle),
            damage=entry.damage,
        )
        for entry in entries
    )
