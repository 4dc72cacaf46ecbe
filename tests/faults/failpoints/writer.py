"""A journal and its publisher in a process that can be killed: python -m tests.faults.failpoints.writer WORK.

Says on standard output that it publishes; when told to go on, it submits its verdicts and prints the label of each as
soon as it is published.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from pydantic import BaseModel

from inspectd import publisher as publishing
from inspectd.journal import Journal
from inspectd.metrics.meters import Meters
from inspectd.publisher import Publisher
from inspectd.settings import PublishSettings
from tests.inspectd.publishing import CAMERAS, REGION, STATUS, draft

BEAT_S = 0.05
"""Heartbeats, and what is done to the journal with each, come that often."""


class Work(BaseModel):
    """What is to be done."""

    journal: Path
    max_size_mb: int
    settings: PublishSettings
    first: int
    """Label of the first verdict; no other life has used it or a later one."""
    count: int
    burst: int
    """Verdicts submitted together."""
    regions: int
    """In each verdict, which makes it longer."""


@contextmanager
def published(work: Work) -> Iterator[Publisher]:
    """The journal's publisher, until it is closed in order."""
    failures: list[Exception] = []
    with (
        patch.object(publishing, "BEAT_S", BEAT_S),
        Journal(work.journal, max_age_days=30, max_size_mb=work.max_size_mb) as journal,
    ):
        publisher = Publisher(
            work.settings,
            "line-3",
            uuid.uuid4().hex,
            journal,
            lambda: STATUS,
            on_fatal=failures.append,
            meters=Meters(CAMERAS),
        )
        try:
            publisher.start()
            yield publisher
        finally:
            publisher.close()
    assert failures == []


def submit(publisher: Publisher, work: Work) -> Iterator[int]:
    """Submit the verdicts; yields the label of the last of each burst when it is published."""
    for label in range(work.first, work.first + work.count):
        publisher.submit(draft(label, regions=(REGION,) * work.regions))
        if (label - work.first) % work.burst == work.burst - 1:
            assert publisher.flush(20)
            yield label


def main(work: Work) -> None:
    """Do it."""
    with published(work) as publisher:
        print("publishing", flush=True)
        sys.stdin.readline()
        for label in submit(publisher, work):
            print(label, flush=True)


if __name__ == "__main__":
    main(Work.model_validate_json(sys.argv[1]))
