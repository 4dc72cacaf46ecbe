"""Telling the journal of changes that it does not have: made while no daemon ran, or just before it was killed."""

from __future__ import annotations

import json
from collections.abc import Callable

import structlog

from inspectd.journal import Journal
from inspectd.models.active import Active
from inspectd.wire.drafts import ChangeDraft

log = structlog.get_logger(__name__)


def record_untold(active: Active, journal: Journal, submit: Callable[[ChangeDraft], None]) -> None:
    """Submit, in order, the changes of a registry that are not in the journal yet. The journal is open, and nothing was
    judged in this boot.

    Raises:
        JournalError: the journal cannot be read.
    """
    with journal.reader() as reader:
        known = {json.loads(message)["id"] for message in reader.changes()}
    for change in active.untold(known):
        log.info("recording a change that was made before this start", action=change.action, bundle=change.bundle)
        submit(change)
