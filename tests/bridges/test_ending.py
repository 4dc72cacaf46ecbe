"""A bridge that is told to end does, whatever becomes of its peer."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from inspectd.bridges import bridge
from inspectd.bridges.bridge import Acknowledge, Bridge, Peer
from inspectd.bridges.handover import Position
from inspectd.bridges.line import Image, Limits, Line
from inspectd.bridges.memory import Memory
from inspectd.client import Client
from tests.daemons import free_port


class Forgetful(Peer):
    """Loses the first cancellation, as a client does whose leaving fails with an error of its own."""

    def __init__(self) -> None:
        self.lost = self.closed = False

    async def start(self, acknowledge: Acknowledge) -> None:
        pass

    async def work(self) -> None:
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.lost = True
        await asyncio.sleep(3600)

    def show(self, image: Image) -> None:
        pass

    async def close(self) -> None:
        self.closed = True


def test_a_cancellation_that_is_lost_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "LEAVE_S", 0.1)
    verdicts, replay, peer, limits = (*(f"tcp://127.0.0.1:{free_port()}" for _ in range(2)), Forgetful(), Limits())

    def client(after: Position | None) -> Client:
        assert after is None  # nothing was ever taken
        return Client(verdicts, replay=replay, patient=True)

    async def run(memory: Memory) -> None:
        line = Line(None, limits)
        await asyncio.wait_for(Bridge(client, line, memory, peer, limits).run(), 20)

    with Memory(tmp_path / "bridge.db") as memory:
        asyncio.run(run(memory))
    assert peer.lost
    assert peer.closed
