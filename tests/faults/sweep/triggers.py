"""Triggers given all the while."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from inspectd.client import Controller
from inspectd.errors import ClientError, TriggerRefusedError
from tests.faults.sweep.line import Line

PERIOD_S = 0.1


@contextmanager
def triggers(line: Line, camera: str) -> Iterator[list[str]]:
    """Trigger a camera again and again; yields the parts that the daemon took. Each must have its one verdict."""
    accepted: list[str] = []
    over = threading.Event()
    thread = threading.Thread(target=_give, args=(line.configuration.control, camera, over, accepted), daemon=True)
    thread.start()
    try:
        yield accepted
    finally:
        over.set()
        thread.join()
    line.wait_for(lambda: _said(line).keys() >= set(accepted), "every part has its verdict")
    assert set(_said(line).values()) <= {1}, "a part has two verdicts"


def _said(line: Line) -> Counter[str]:
    return Counter(verdict["part"] for verdict in line.heard if verdict["kind"] == "part")


def _give(address: str, camera: str, over: threading.Event, accepted: list[str]) -> None:
    with Controller(address, timeout_s=10.0) as controller:
        for number in count(1):
            if over.wait(PERIOD_S):
                return
            try:
                accepted.append(controller.trigger(f"part {number}", [camera]).part)
            except (TriggerRefusedError, ClientError):
                continue  # the daemon says so, or does not answer: no verdict is owed, nor forbidden
