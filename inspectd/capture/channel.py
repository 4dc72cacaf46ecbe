"""Messages between the daemon and a capture process: small JSON datagrams in order over a socket pair, never pickled.

The socket (SOCK_SEQPACKET) is bounded. Where it is full the capture process does not queue: further lost frames of the
same kind are counted into one range, and a frame waits, so nothing is lost in silence and nothing grows.
"""

from __future__ import annotations

import json
import select
import socket
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from engines.pixels import PixelFormat
from inspectd.capture.content import Fault
from inspectd.errors import CameraError
from inspectd.frames import Rows
from inspectd.outcomes import Reason

MAX_MESSAGE_BYTES: Final = 65536
_MAX_DETAIL: Final = 2000
"""Characters; a driver's complaint is not to outgrow a message."""


@dataclass(frozen=True)
class Begin:
    """To the capture process, first of all: what to capture. (Not an argument: a URL may hold a password.)"""

    settings: dict[str, Any]
    first: int
    """Number of the first frame; what came before was taken by earlier processes."""
    slots: int
    slot_bytes: int


@dataclass(frozen=True)
class Release:
    """To the capture process: the slot may be filled again."""

    slot: int


@dataclass(frozen=True)
class Fire:
    """To the capture process of a camera with `trigger = "software"`: take a frame now, for this part."""

    part: str


@dataclass(frozen=True)
class Stop:
    """To the capture process: take no more frames, and end."""


@dataclass(frozen=True)
class Opened:
    """From the capture process: the camera is open; frames follow."""


@dataclass(frozen=True)
class FrameReady:
    """From the capture process: a picture lies in a slot."""

    number: int
    slot: int
    height: int
    """px"""
    width: int
    pixel_format: PixelFormat
    captured_monotonic_ns: int
    captured_utc_ns: int
    source: str | None
    part: str | None = None
    """The part it was fired for."""
    rows: Rows | None = None
    """Of a line-scan camera."""
    fault: Fault | None = None
    """Why it must not be inspected; it is there to be seen by people."""


@dataclass(frozen=True)
class FramesLost:
    """From the capture process: frames `first` to `first + count - 1` were taken but cannot be inspected, nor shown.

    Times, source and rows are the first one's.
    """

    first: int
    count: int
    reason: Reason
    detail: str
    captured_monotonic_ns: int
    captured_utc_ns: int
    source: str | None
    part: str | None = None
    """The part it was fired for; `count` is then 1."""
    rows: Rows | None = None
    """Of a line-scan camera."""


@dataclass(frozen=True)
class Ended:
    """From the capture process: the source has no more frames."""


@dataclass(frozen=True)
class Failed:
    """From the capture process: the camera could not be opened or was lost; the process ends."""

    detail: str


Message = Begin | Release | Fire | Stop | Opened | FrameReady | FramesLost | Ended | Failed
_KINDS: Final = {
    kind.__name__: kind for kind in (Begin, Release, Fire, Stop, Opened, FrameReady, FramesLost, Ended, Failed)
}


def encode(message: Message) -> bytes:
    """A message as JSON; words that are too long are cut."""
    fields = asdict(message)
    if "detail" in fields:
        fields["detail"] = fields["detail"][:_MAX_DETAIL]
    return json.dumps({"kind": type(message).__name__, **fields}).encode()


def decode(data: bytes) -> Message:
    """Read a message.

    Raises:
        CameraError: it is none of ours.
    """
    try:
        fields = json.loads(data)
        kind = _KINDS[fields.pop("kind")]
        if kind is FrameReady:
            fields["pixel_format"] = PixelFormat(fields["pixel_format"])
            if (fault := fields.get("fault")) is not None:
                fields["fault"] = Fault(Reason(fault["reason"]), fault["detail"])
        if kind is FramesLost:
            fields["reason"] = Reason(fields["reason"])
        if fields.get("rows") is not None:
            fields["rows"] = Rows(**fields["rows"])
        message: Message = kind(**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CameraError(f"the capture process sent what is no message: {data[:80]!r}") from error
    return message


class Channel:
    """One end. Datagrams are whole or not at all, so that several threads may send."""

    def __init__(self, end: socket.socket) -> None:
        """Owns the socket, which stays blocking; what must not wait says so in each call."""
        self._socket = end

    def fileno(self) -> int:
        """For selectors and for handing over."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Send, waiting for room.

        Raises:
            OSError: the other side is gone.
        """
        self._socket.send(encode(message), socket.MSG_NOSIGNAL)

    def try_send(self, message: Message) -> bool:
        """Send if there is room.

        Raises:
            OSError: the other side is gone.
        """
        try:
            self._socket.send(encode(message), socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        return True

    def ready(self, timeout_s: float) -> bool:
        """Wait for something to receive; False where nothing came in time."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def receive(self, *, wait: bool) -> Message | None:
        """The next message; None where the other side is gone and all it said was read.

        Raises:
            BlockingIOError: there is none, and `wait` is false.
            CameraError: it is no message.
        """
        flags = 0 if wait else socket.MSG_DONTWAIT
        try:
            data = self._socket.recv(MAX_MESSAGE_BYTES, flags)
        except ConnectionResetError:
            # It went with messages of ours unread. Linux says so once, before what it still had to say.
            data = self._socket.recv(MAX_MESSAGE_BYTES, flags)
        return decode(data) if data else None

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


def channel_pair() -> tuple[Channel, Channel]:
    """The daemon's end and the capture process's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(ours), Channel(theirs)


class Announcer:
    """Sends what became of each frame, in order, and never more than the socket holds."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._waiting: FramesLost | None = None

    def say(self, message: Message) -> None:
        """Send after everything before it, waiting for room."""
        self.flush()
        self._channel.send(message)

    def lose(self, lost: FramesLost) -> None:
        """Tell of lost frames; where the socket is full, count them together with the next ones of their kind."""
        if self._waiting is not None:
            if _same_loss(self._waiting, lost):
                lost = replace(self._waiting, count=self._waiting.count + lost.count)
            else:
                self.flush()
        self._waiting = None if self._channel.try_send(lost) else lost

    def flush(self) -> None:
        """Send what waits, waiting for room."""
        if self._waiting is not None:
            self._channel.send(self._waiting)
            self._waiting = None


def _same_loss(one: FramesLost, other: FramesLost) -> bool:
    if one.part or other.part:
        return False  # each is somebody's
    return (one.reason, one.detail, one.source) == (other.reason, other.detail, other.source)
