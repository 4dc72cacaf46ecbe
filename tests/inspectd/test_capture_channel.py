"""Messages between the daemon and a capture process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engines.pixels import PixelFormat
from inspectd.capture.channel import (
    Announcer,
    Begin,
    Channel,
    Ended,
    Failed,
    FrameReady,
    FramesLost,
    Message,
    Opened,
    Release,
    Stop,
    channel_pair,
    decode,
    encode,
)
from inspectd.capture.content import Fault
from inspectd.errors import CameraError
from inspectd.wire.models import Reason

READY = FrameReady(7, 3, 480, 640, PixelFormat.MONO8, 123, 456, "bad \ud83d name.png")
UNFIT = replace(READY, fault=Fault(Reason.BLANK, "wholly black"))
LOST = FramesLost(1, 1, Reason.OVERRUN, "too fast", 1, 2, None)
MESSAGES: list[Message] = [
    *(Begin({"source": "images:/x"}, 1, 8, 1 << 26), Release(3), Stop()),
    *(Opened(), READY, UNFIT, LOST, Ended(), Failed("gone")),
]


def received(channel: Channel) -> list[Message]:
    messages: list[Message] = []
    while True:
        try:
            message = channel.receive(wait=False)
        except BlockingIOError:
            return messages
        if message is None:
            return messages
        messages.append(message)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_survives_the_way(message: Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b"\xff", b'{"kind": "Nonsense"}', b'{"kind": "Release"}', b'{"kind": []}']
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(CameraError, match="no message"):
        decode(data)


def test_an_endless_complaint_is_cut_to_fit() -> None:
    assert len(encode(Failed("é" * 10**6))) < 65536


def test_a_full_channel_counts_lost_frames_instead_of_forgetting_them() -> None:
    daemon, process = channel_pair()
    announcer = Announcer(process)
    for number in range(1, 5001):
        announcer.lose(replace(LOST, first=number))
    told = received(daemon)
    assert len(told) < 5000, "the channel never filled, the test shows nothing"
    announcer.say(replace(READY, number=5001))
    told += received(daemon)
    next_number = 1
    for message in told[:-1]:
        assert isinstance(message, FramesLost)
        assert message.first == next_number
        next_number += message.count
    assert next_number == 5001
    assert told[-1] == replace(READY, number=5001)


def test_losses_of_different_kinds_are_not_thrown_together() -> None:
    daemon, process = channel_pair()
    announcer = Announcer(process)
    filled = 0
    while process.try_send(LOST):
        filled += 1
    bad = replace(LOST, first=3, reason=Reason.BAD_FRAME, detail="2.png: truncated", source="2.png")
    announcer.lose(replace(LOST, first=1))
    announcer.lose(replace(LOST, first=2))
    received(daemon)
    announcer.lose(bad)
    announcer.say(Ended())
    assert received(daemon) == [replace(LOST, first=1, count=2), bad, Ended()]


def test_what_waits_is_sent_on_demand() -> None:
    daemon, process = channel_pair()
    announcer = Announcer(process)
    filled = 0
    while process.try_send(LOST):
        filled += 1
    announcer.lose(LOST)
    announcer.lose(LOST)
    assert len(received(daemon)) == filled
    announcer.flush()
    announcer.flush()
    assert received(daemon) == [replace(LOST, count=2)]


def test_what_was_said_before_the_end_is_still_heard() -> None:
    daemon, process = channel_pair()
    assert daemon.try_send(Release(1))  # never read: Linux then reports a reset before it delivers the rest
    process.send(READY)
    process.send(Ended())
    process.close()
    assert received(daemon) == [READY, Ended()]
    assert daemon.receive(wait=False) is None
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        daemon.try_send(Release(2))
