"""Topics: the first part of every published message. ZeroMQ matches them by prefix, so each ends with a slash."""

HEARTBEAT = b"heartbeat/"
VERDICTS = b"verdict/"
MAPS = b"map/"


def verdict_topic(camera: str) -> bytes:
    """Topic of a camera's verdicts."""
    return VERDICTS + camera.encode() + b"/"


def map_topic(camera: str) -> bytes:
    """Topic of a camera's maps."""
    return MAPS + camera.encode() + b"/"
