"""Topics: the first part of every published message. ZeroMQ matches them by prefix, so each ends with a slash."""

from __future__ import annotations

from inspectd.wire.models import Change, Numbered, PartVerdict, Verdict

HEARTBEAT = b"heartbeat/"
VERDICTS = b"verdict/"
MAPS = b"map/"
PARTS = b"part/"
"""Of the verdicts on parts."""
PICTURES = b"picture/"
CHANGES = b"change/"
"""Of what somebody changed."""

REPLAY_VERDICT = b"verdict"
"""First part of a replayed verdict. Answers go to one peer, so nothing is matched by prefix here."""
REPLAY_END = b"replay_end"
REPLAY_ERROR = b"replay_error"


def topic_of(message: Numbered) -> bytes:
    """Topic of what has a number."""
    match message:
        case Verdict(camera=camera):
            return verdict_topic(camera)
        case PartVerdict():
            return PARTS
        case Change():
            return CHANGES


def verdict_topic(camera: str) -> bytes:
    """Topic of a camera's verdicts."""
    return VERDICTS + camera.encode() + b"/"


def map_topic(camera: str) -> bytes:
    """Topic of a camera's maps."""
    return MAPS + camera.encode() + b"/"


def picture_topic(camera: str) -> bytes:
    """Topic of a camera's pictures."""
    return PICTURES + camera.encode() + b"/"
