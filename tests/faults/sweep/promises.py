"""What must hold whatever happens: the promises of a daemon, held against its journal and against what was heard.

What was heard is durable, word for word, in the order of its numbers; no number came twice. No frame has two verdicts;
where the daemon was not killed, every frame taken has one. A judgement came in time, and is that of its picture. One
life of the daemon judges by one bundle, unless it was asked to change.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from tests.daemons import Configuration
from tests.faults.sweep.listener import Listener

Verdicts = Sequence[Mapping[str, Any]]

DEFECT: Final = "defect.png"
"""The only picture that shows one."""


def check(configuration: Configuration, listener: Listener) -> None:
    """Assert them all. The daemon has ended."""
    if not configuration.journal.exists():
        assert not listener.numbered, "verdicts were published and none is durable"
        return
    durable = _durable(configuration.journal)
    _check_published(durable, listener)
    verdicts = configuration.verdicts_in_journal()
    drained = {beat["boot"] for beat in listener.heartbeats if beat["state"] == "stopped"}
    for life in _by(verdicts, "boot").values():
        _check_life(life, drained=life[0]["boot"] in drained)


def _durable(journal: Path) -> Mapping[int, bytes]:
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT sequence, message FROM verdicts ORDER BY sequence").fetchall()
    numbers = [number for number, _ in rows]
    assert numbers == list(range(1, len(numbers) + 1)), "the journal's numbers have a gap"
    return {number: message.encode() for number, message in rows}


def _check_published(durable: Mapping[int, bytes], listener: Listener) -> None:
    for heard in listener.numbered:
        number = heard.message["sequence"]
        assert durable.get(number) == heard.body, f"verdict {number} was published, and is not so in the journal"
    numbers = [heard.message["sequence"] for heard in listener.numbered]
    assert all(one < other for one, other in pairwise(numbers)), "a number came again, or out of order"


def _check_life(life: Verdicts, *, drained: bool) -> None:
    frames = [verdict for verdict in life if verdict["kind"] == "verdict"]
    changes = sum(verdict["kind"] == "change" for verdict in life)
    assert len({verdict["bundle"] for verdict in frames}) <= 1 + changes, "one life judged by two bundles, unasked"
    for camera, verdicts in _by(frames, "camera").items():
        numbers = sorted(verdict["frame"] for verdict in verdicts if verdict["frame"] is not None)
        assert len(set(numbers)) == len(numbers), f"a frame of {camera} has two verdicts"
        if drained:
            assert numbers == list(range(1, len(numbers) + 1)), f"a frame of {camera} has no verdict"
    for verdict in frames:
        if verdict["outcome"] != "ERROR":
            _check_judgement(verdict)


def _check_judgement(verdict: Mapping[str, Any]) -> None:
    assert verdict["latency_ms"] <= verdict["deadline_ms"], f"{verdict['sequence']} was judged after its deadline"
    expected = "FAIL" if verdict["source"] == DEFECT else "PASS"
    assert verdict["outcome"] == expected, f"{verdict['sequence']} is not true of its picture"


def _by(verdicts: Verdicts, key: str) -> Mapping[str, list[Mapping[str, Any]]]:
    groups = defaultdict(list)
    for verdict in verdicts:
        groups[verdict[key]].append(verdict)
    return groups
