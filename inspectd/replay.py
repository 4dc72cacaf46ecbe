"""Replay: answers requests for verdicts by number, from the journal.

On a socket of its own in long answers, and beside other requests in pages that hold none of those up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import structlog
from pydantic import ValidationError

from inspectd.doorkeeper import Guard
from inspectd.errors import JournalError
from inspectd.journal import Bounds, Journal, JournalReader
from inspectd.router import Answer, Router
from inspectd.wire.models import ReplayEnd, ReplayError, ReplayPage, ReplayRequest
from inspectd.wire.problems import problems
from inspectd.wire.topics import REPLAY_END, REPLAY_ERROR, REPLAY_VERDICT

ANSWER_VERDICTS = 1000
"""Most verdicts in an answer."""
ANSWER_BYTES = 4 << 20
"""An answer ends with the verdict that reaches this size."""
PAGE_VERDICTS = 100
"""Most verdicts in a page."""
PAGE_BYTES = 128 << 10
"""Likewise: it ends with the verdict that reaches this size."""
WATERMARK = 2 * (ANSWER_VERDICTS + 1)
"""Messages kept for a peer: the answer it reads and the one it has asked for."""

log = structlog.get_logger(__name__)


class ReplayServer(Router):
    """Answers as long as it is entered."""

    def __init__(self, address: str, journal: Journal, guard: Guard | None = None) -> None:
        """`journal` is open; it is read over a connection of this server's own; `guard` as a `Router`'s."""
        super().__init__(
            "publish.replay",
            address,
            partial(_session, journal),
            watermark=WATERMARK,
            failure="replay failed; verdicts are inspected and published, but not replayed, until a restart",
            guard=guard,
        )


@contextmanager
def _session(journal: Journal) -> Iterator[Answer]:
    with journal.reader() as reader:
        yield partial(answer, reader)


def answer(reader: JournalReader, request: list[bytes]) -> Iterator[list[bytes]]:
    """The messages that answer a request, without the peer's identity."""
    if len(request) != 1:
        yield _error(f"a request is one part, JSON; this one has {len(request)} parts")
        return
    try:
        asked = ReplayRequest.model_validate_json(request[0])
    except ValidationError as error:
        yield _error(problems(error))
        return
    try:
        yield from _verdicts(reader, asked)
    except JournalError as error:
        log.exception("the journal cannot be read for a replay")
        yield _error(str(error))


def _verdicts(reader: JournalReader, asked: ReplayRequest) -> Iterator[list[bytes]]:
    bounds = reader.bounds()
    sent = size = 0
    for message in _range(reader, asked, bounds, _most(asked, ANSWER_VERDICTS)):
        yield [REPLAY_VERDICT, message]
        sent += 1
        size += len(message)
        if size >= ANSWER_BYTES:
            break
    end = ReplayEnd(journal=reader.journal_id, first=bounds.first, last=bounds.last, sent=sent)
    yield [REPLAY_END, end.model_dump_json().encode()]


def page(reader: JournalReader, asked: ReplayRequest) -> tuple[ReplayPage, list[bytes]]:
    """The beginning of the range that is asked for, as published, and what is told of it.

    Raises:
        JournalError: the journal cannot be read.
    """
    bounds, most = reader.bounds(), _most(asked, PAGE_VERDICTS)
    taken: list[bytes] = []
    size, more = 0, False
    for message in _range(reader, asked, bounds, most + 1):
        if len(taken) == most or size >= PAGE_BYTES:
            more = True
            break
        taken.append(message)
        size += len(message)
    told = ReplayPage(journal=reader.journal_id, first=bounds.first, last=bounds.last, sent=len(taken), more=more)
    return told, taken


def _range(reader: JournalReader, asked: ReplayRequest, bounds: Bounds, most: int) -> Iterator[bytes]:
    last = bounds.last if asked.last is None else min(asked.last, bounds.last)
    return reader.read(asked.first, last, most)


def _most(asked: ReplayRequest, most: int) -> int:
    return most if asked.limit is None else min(asked.limit, most)


def _error(text: str) -> list[bytes]:
    return [REPLAY_ERROR, ReplayError(error=text).model_dump_json().encode()]
