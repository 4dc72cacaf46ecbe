"""Subscribers that stall, come late and are restarted, and a network full of rubbish."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import zmq

from inspectd.client import Client, PartVerdict, Verdict
from inspectd.wire.models import ReplayRequest
from tests.faults.sweep.fault import Seen, fault
from tests.faults.sweep.line import Line, fired, steady
from tests.faults.sweep.triggers import triggers

ENOUGH_TO_DROP = 8000
"""Verdicts: more than the sockets and the network between them keep for who does not read."""
FLOOD_S = 2.0
MEMORY_MB = 128
"""That a flood may cost: what is kept for each peer, and what it leaves of the heap in pieces."""


def client(line: Line, since: int | None) -> Client:
    return Client(line.configuration.verdicts, replay=line.configuration.replay, since=since)


def read_to(client: Client, last: int) -> list[int]:
    """Numbers that a client tells, up to `last`."""
    numbers: list[int] = []
    end = time.monotonic() + 60
    while not numbers or numbers[-1] < last:
        assert time.monotonic() < end, f"the client came to {numbers[-1:]}, not to {last}"
        event = client.receive(1.0)
        if isinstance(event, Verdict | PartVerdict):
            numbers.append(event.sequence)
    return numbers


def _newest(line: Line) -> int:
    return int(line.heard[-1]["sequence"])


@fault("subscriber stalled", f"it does not read for {ENOUGH_TO_DROP} verdicts, then it does", long=True)
def stalled(folder: Path) -> Seen:
    line = Line(folder, lambda source: {"web": steady(source, rate_hz=5000.0)})
    with line.running() as daemon, client(line, since=1) as subscriber:
        before = read_to(subscriber, _newest(line))
        daemon.wait_for_verdicts(ENOUGH_TO_DROP, timeout_s=120)
        last = _newest(line)
        began = time.monotonic()
        numbers = before + read_to(subscriber, last)
        recovery_s = time.monotonic() - began
    assert numbers == list(range(1, len(numbers) + 1))
    assert not line.reasons()
    return Seen(f"{len(numbers)} verdicts to it, in order; {line.told()}", recovery_s)


@fault("subscriber late", "it comes after 200 verdicts and wants them all")
def late(folder: Path) -> Seen:
    line = Line(folder, lambda source: {"web": steady(source, rate_hz=200.0)})
    with line.running() as daemon:
        daemon.wait_for_verdicts(200)
        began = time.monotonic()
        with client(line, since=1) as subscriber:
            numbers = read_to(subscriber, _newest(line))
            recovery_s = time.monotonic() - began
    assert numbers == list(range(1, len(numbers) + 1))
    return Seen(f"{len(numbers)} verdicts to it, in order", recovery_s)


@fault("subscriber restarted", "it leaves without a word three times and asks on from the number it had")
def restarted(folder: Path) -> Seen:
    line = Line(folder)
    numbers: list[int] = []
    with line.running():
        for _ in range(4):
            with client(line, since=len(numbers) + 1) as subscriber:
                numbers += read_to(subscriber, _newest(line))
            time.sleep(0.3)
    assert numbers == list(range(1, len(numbers) + 1))
    return Seen(f"{len(numbers)} verdicts to it, in order")


@fault("network flooded", "four peers send rubbish to every port as fast as they can, and ask for replays unread")
def flooded(folder: Path) -> Seen:
    line = Line(folder, lambda source: {"web": steady(source), "fired": fired(source)})
    with line.running() as daemon:
        process = psutil.Process(daemon.process.pid)
        before = process.memory_info().rss
        with triggers(line, "fired") as accepted, _flood(line):
            time.sleep(FLOOD_S)
        grown_mb = (process.memory_info().rss - before) / 2**20
        recovery_s = line.wait_for_judged(since_ns=time.monotonic_ns())
    assert accepted, "no trigger was taken"
    assert grown_mb < MEMORY_MB, f"it took {grown_mb:.0f} MiB"
    # Four senders and the daemon on two cores: what is late is ERROR, and nothing else is.
    assert set(line.reasons() + line.reasons("fired")) <= {"deadline", "no_frame"}
    return Seen(
        f"{len(accepted)} triggers, each with its verdict; {max(0, grown_mb):.0f} MiB more; {line.told()}", recovery_s
    )


@contextmanager
def _flood(line: Line) -> Iterator[None]:
    configuration = line.configuration
    ports = [configuration.control, configuration.replay, configuration.verdicts, configuration.maps]
    over = threading.Event()
    threads = [
        *(threading.Thread(target=_send_messages, args=(address, over)) for address in ports[:2]),
        threading.Thread(target=_ask_for_replays, args=(configuration.replay, over)),
        threading.Thread(target=_send_bytes, args=([_port(address) for address in ports], over)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _send(address: str, over: threading.Event, message: Callable[[], bytes]) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    peer = context.socket(zmq.DEALER)
    peer.setsockopt(zmq.RCVHWM, 1)
    peer.setsockopt(zmq.HEARTBEAT_IVL, 20)
    peer.setsockopt(zmq.HEARTBEAT_TTL, 200)
    peer.connect(address)
    while not over.is_set():
        try:
            peer.send(message(), zmq.NOBLOCK)
        except zmq.Again:
            time.sleep(0.001)
    context.destroy(linger=0)


def _send_messages(address: str, over: threading.Event) -> None:
    _send(address, over, lambda: os.urandom(200))


def _ask_for_replays(address: str, over: threading.Event) -> None:
    _send(address, over, lambda: ReplayRequest(first=1).model_dump_json().encode())


def _send_bytes(ports: list[int], over: threading.Event) -> None:
    while not over.is_set():
        for port in ports:
            with socket.create_connection(("127.0.0.1", port)) as peer:
                try:
                    peer.sendall(os.urandom(4096))
                except OSError:
                    continue  # it was thrown out


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


FAULTS = (stalled, late, restarted, flooded)
