"""Messages that mean harm, or nothing at all: python -m tests.faults.hostile --messages 100000.

Against a daemon that inspects meanwhile. Says what was seen, as JSON. Everything that must hold is asserted.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import socket
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import cv2
import psutil
import zmq
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from inspectd.client import Controller, replay
from inspectd.connections import MOST
from inspectd.errors import ClientError
from tests.bundles import surface_picture, tiny_bundle
from tests.daemons import Configuration, RunningDaemon, wait_until

PATIENCE_MS = 20_000
MOST_GROWTH_MIB = 48
"""Of the daemon's memory, whatever is done to it."""
EACH = 25
"""One that hypothesis makes, and others that come of spoiling it."""
AT_ONCE = 1000
"""Messages that hypothesis makes in one go; it remembers them all, and slows down with their number."""
LARGEST = 4096
"""Of a part that is read; who sends a larger one is cut off."""
GREETING = b"\xff" + 8 * b"\0" + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + 31 * b"\0"
READY = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\6DEALER"
"""How a peer of ZeroMQ's begins."""

_WORDS = (
    *("trigger", "encoder", "status", "models", "activate", "rollback", "threshold", "undo", "delete", "replay"),
    *("drain", "", "request", "\0", "../../etc/passwd", "a" * 200),
)
_KEYS = (
    *("request", "part", "cameras", "deadline_ms", "count", "monotonic_ns", "camera", "first", "last", "bundle", "who"),
    *("why", "surface", "value", "kind", "id", "__class__", ""),
)
_ODD = (2**63, -(2**63) - 1, 2**70, 1e308, float("nan"), float("inf"), float("-inf"), 0, -0.0, "\ud800", "﷽" * 99)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(_ODD)
    | st.sampled_from(_WORDS)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=12,
)
_requests = st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=6), _values, max_size=6)
_documents = (
    _requests | st.builds(lambda given, word: {**given, "request": word}, _requests, st.sampled_from(_WORDS))
).map(
    # One that would be understood is not hostile, and a drain is the daemon's end.
    lambda given: {**given, "drained": True} if given.get("request") == "drain" else given
)
_texts = (_documents | _values).map(lambda value: json.dumps(value).encode())


def _twice(document: dict[str, Any], key: str) -> bytes:
    """The same key twice in an object."""
    return json.dumps({**document, key: 1}).encode()[:-1] + f", {json.dumps(key)}: 2}}".encode()


_parts = (
    _texts
    | st.binary(max_size=64)
    | st.binary(min_size=LARGEST - 8, max_size=LARGEST)
    | st.builds(lambda text, cut: text[: max(1, cut)], _texts, st.integers(1, 60))
    | st.builds(_twice, _requests, st.sampled_from(_KEYS))
    | st.builds(
        lambda depth, opening: opening * (depth // len(opening)),
        st.integers(1, LARGEST),
        st.sampled_from((b"[", b'{"a":')),
    )
    | st.builds(lambda digits: b'{"count":' + b"9" * digits + b"}", st.integers(20, LARGEST - 10))
    | st.sampled_from(
        (b"", b"\0", b"\xff\xfe\xfd", b'"\xed\xa0\x80"', b"NaN", b"Infinity", b'{"part":"\\ud800"}', b"1e999")
    )
)
messages = st.lists(_parts, min_size=1, max_size=1) | st.lists(_parts, max_size=40)


@dataclass
class Seen:
    """What came of it."""

    messages: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    """By the kind of the answer."""
    connections: int = 0
    """That were made to do harm without a message."""
    memory_mib: dict[str, float] = field(default_factory=dict)
    descriptors: dict[str, int] = field(default_factory=dict)
    verdicts: int = 0
    seconds: float = 0.0


class Peer:
    """A client that says whatever it likes."""

    def __init__(self, address: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.rcvtimeo = self.socket.sndtimeo = PATIENCE_MS
        self.socket.connect(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def ask(self, messages: list[list[bytes]]) -> Iterator[str]:
        """Send these, and the kind of the answer to each, which must come."""
        for parts in messages:
            self.socket.send_multipart(parts)
        for _ in messages:
            while (answer := self.socket.recv_multipart())[0] == b"verdict":
                pass
            yield str(json.loads(answer[-1])["kind"])


def talk(addresses: list[str], count: int) -> Counter[str]:
    """Say so many generated messages, to each address in turn; each must be answered, and what the answers were."""
    told: Counter[str] = Counter()
    with ExitStack() as opened:
        peers = [opened.enter_context(Peer(address)) for address in addresses]
        examples = math.ceil(count / EACH)
        for number in range(math.ceil(examples / AT_ONCE)):
            _talk(peers, told, number, min(AT_ONCE, examples - number * AT_ONCE))
    return told


def _talk(peers: list[Peer], told: Counter[str], number: int, examples: int) -> None:
    @seed(number)
    @hypothesis_settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(messages, st.randoms(use_true_random=True))
    def say(parts: list[bytes], dice: random.Random) -> None:
        peer = peers[told.total() // EACH % len(peers)]
        said = parts or [b""]
        told.update(peer.ask([said, *(spoilt(said, dice) for _ in range(EACH - 1))]))

    say()


def spoilt(parts: list[bytes], dice: random.Random) -> list[bytes]:
    """The same message with something cut, turned, doubled or put in."""
    spoilt_parts = list(parts)
    at = dice.randrange(len(parts))
    part = bytearray(parts[at])
    begin, end = sorted(dice.randrange(len(part) + 1) for _ in range(2))
    match dice.randrange(6):
        case 0:
            del part[begin:end]
        case 1:
            part[begin:begin] = part[begin:end]
        case 2:
            part[begin:end] = dice.randbytes(end - begin)
        case 3 if part:
            part[dice.randrange(len(part))] ^= 1 << dice.randrange(8)
        case 4:
            part[begin:begin] = dice.choice((b"\0", b'"', b"{", b"]", b",", b"-", b"9" * 30, b"\\u0000", b"\xf0\x9f"))
        case _:
            spoilt_parts.append(bytes(part))
    spoilt_parts[at] = bytes(part[:LARGEST])
    return [b"{}"] if _drains(spoilt_parts) else spoilt_parts


def _drains(parts: list[bytes]) -> bool:
    with suppress(ValueError, RecursionError):
        return len(parts) == 1 and bool(json.loads(parts[0]) == {"request": "drain"})
    return False


def _generating(count: int) -> hypothesis_settings:
    return hypothesis_settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def oversized(address: str, size: int) -> None:
    """A part larger than any that is read: the connection ends, whether or not all of it is sent."""
    with raw(address) as peer:
        peer.sendall(GREETING + READY)
        with suppress(OSError):
            peer.sendall(b"\x02" + struct.pack(">Q", size) + min(size, 1 << 20) * b"x")
        assert ended(peer)


def endless(address: str, most_bytes: int = 64 << 20) -> int:
    """A message whose parts never end; the bytes that were sent until the connection was cut."""
    sent, piece = 0, 4096 * b"\x01\x01x"
    with raw(address) as peer:
        peer.sendall(GREETING + READY)
        with suppress(OSError):
            while sent < most_bytes:
                peer.sendall(piece)
                sent += len(piece)
    return sent


def rubbish(address: str, data: bytes) -> None:
    """Anything but ZeroMQ."""
    with raw(address) as peer, suppress(OSError):
        peer.sendall(data)


def deaf(address: str, requests: int) -> None:
    """Ask and never read."""
    with Peer(address) as peer:
        peer.socket.rcvhwm = 1
        with suppress(zmq.Again):
            for _ in range(requests):
                peer.socket.send(b'{"request":"replay","first":1}', zmq.NOBLOCK)
        time.sleep(0.2)


@contextmanager
def flood(addresses: list[str], each: int) -> Iterator[None]:
    """So many connections to each, that begin and say no more."""
    with ExitStack() as connections:
        for address in addresses:
            for number in range(each):
                with suppress(OSError):
                    connections.enter_context(raw(address)).sendall(GREETING[: number % len(GREETING)])
        yield


@contextmanager
def raw(address: str) -> Iterator[socket.socket]:
    """A plain connection."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_MS / 1000) as peer:
        yield peer


def ended(peer: socket.socket) -> bool:
    """Whether the other side has cut the connection, which is waited for."""
    try:
        while peer.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def attacked(folder: Path) -> Iterator[tuple[RunningDaemon, list[str]]]:
    """A daemon that inspects, and the addresses at which it can be attacked: control, replay, verdicts, maps."""
    (folder / "web").mkdir()
    for index in range(8):
        cv2.imwrite(str(folder / "web" / f"{index}.png"), surface_picture(index))
    cameras = {"web": {"source": f"images:{folder / 'web'}", "loop": True, "preload": True, "rate_hz": 10.0}}
    configuration = Configuration(folder, tiny_bundle(folder / "bundles"), cameras)
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(5)
        yield daemon, [configuration.control, configuration.replay, configuration.verdicts, configuration.maps]


def attack(folder: Path, count: int, connections: int) -> Seen:
    """Do all of it, and see that the daemon lives, answers, inspects, and has not grown."""
    seen = Seen()
    began_s = time.monotonic()
    with attacked(folder) as (daemon, addresses):
        process = psutil.Process(daemon.process.pid)
        answering = addresses[:2]
        talk(answering, min(count // 10, 1000))  # what is made once and kept
        _measure(process, seen, "before")
        told = talk(answering, count)
        seen.messages, seen.answers = told.total(), dict(told)
        _measure(process, seen, "after messages")
        for address in addresses:
            seen.connections += _without_a_message(address, connections)
            _measure(process, seen, "after connections")
        with flood(addresses, 3 * MOST):
            seen.connections += len(addresses) * 3 * MOST
            _measure(process, seen, "in a flood")
            assert seen.descriptors["in a flood"] < seen.descriptors["before"] + 2 * MOST * len(addresses), (
                seen.descriptors
            )
        _holds(daemon, seen)
        wait_until(lambda: process.num_fds() <= seen.descriptors["before"] + 8, "connections are let go")
        _measure(process, seen, "in the end")
        assert daemon.terminate() == 0, daemon.log.read_text()
        _judge(daemon.configuration.verdicts_in_journal(), seen)
        log = daemon.log.read_text()
        assert "Traceback" not in log, log
        assert "exception" not in log, log
    growth = max(seen.memory_mib.values()) - seen.memory_mib["before"]
    assert growth < MOST_GROWTH_MIB, seen.memory_mib
    seen.seconds = round(time.monotonic() - began_s, 1)
    return seen


def _without_a_message(address: str, connections: int) -> int:
    harmful: list[Callable[[], object]] = [
        lambda: rubbish(address, b"GET / HTTP/1.1\r\n\r\n"),
        lambda: rubbish(address, bytes(range(256))),
        lambda: rubbish(address, GREETING[:20]),
        lambda: rubbish(address, GREETING + READY + b"\x07\xff\xff"),
        lambda: rubbish(address, GREETING + b"\x06" + struct.pack(">Q", 1 << 62)),
        lambda: rubbish(address, b""),
    ]
    for number in range(connections):
        harmful[number % len(harmful)]()
    for size in (LARGEST + 1, 1 << 20, 1 << 40, (1 << 63) - 1):
        oversized(address, size)
    sent = endless(address)
    assert sent < 64 << 20, "a message without an end was taken"
    deaf(address, 1000)
    return connections + 6


def _holds(daemon: RunningDaemon, seen: Seen) -> None:
    """As soon as the flood is over, whoever has something to say is answered."""
    configuration = daemon.configuration
    wait_until(lambda: _answered(configuration), "control and replay answer")
    before = daemon.journaled()
    wait_until(lambda: daemon.journaled() > before + 5, "verdicts go on")
    seen.verdicts = daemon.journaled()


def _answered(configuration: Configuration) -> bool:
    with suppress(ClientError), Controller(configuration.control, 1.0) as controller:
        controller.trigger(f"part {time.monotonic_ns()}")
        return len(list(replay(configuration.replay, 1, 5, 1.0))) == 5
    return False


def _judge(verdicts: list[dict[str, Any]], seen: Seen) -> None:
    assert [verdict["sequence"] for verdict in verdicts] == list(range(1, len(verdicts) + 1))
    frames = [verdict for verdict in verdicts if verdict["kind"] == "verdict" and verdict["frame"] is not None]
    assert [verdict["frame"] for verdict in frames] == list(range(1, len(frames) + 1))
    assert {verdict["outcome"] for verdict in frames} == {"PASS"}
    seen.verdicts = len(frames)


def _measure(process: psutil.Process, seen: Seen, when: str) -> None:
    memory = process.memory_info()
    seen.memory_mib[when] = round(max(seen.memory_mib.get(when, 0), (memory.rss - memory.shared) / 2**20), 1)
    seen.descriptors[when] = process.num_fds()


def main() -> None:
    """Attack as asked, and say what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.hostile", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=1000, help="a socket, besides the flood")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inspectd-hostile-") as folder:
        seen = attack(Path(folder), arguments.messages, arguments.connections)
    print(json.dumps(asdict(seen), indent=1))


if __name__ == "__main__":
    main()
