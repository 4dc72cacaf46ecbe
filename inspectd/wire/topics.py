"""Topics: the first part of every published message. ZeroMQ matches them by prefix, so each ends with a slash."""

HEARTBEAT = b"heartbeat/"
VERDICTS = b"verdict/"
MAPS = b"map/"
PARTS = b"part/"
"""Of the verdicts on parts."""

REPLAY_VERDICT = b"verdict"
"""First part of a replayed verdict. Answers go to one peer, so nothing is matched by prefix here."""
REPLAY_END = b"replay_end"
REPLAY_ERROR = b"replay_error"


def verdict_topic(camera: str) -> bytes:
    """Topic of a camera's verdicts."""
    return VERDICTS + camera.encode() + b"/"


def map_topic(camera: str) -> bytes:
    """Topic of a camera's maps."""
    return MAPS + camera.encode() + b"/"
