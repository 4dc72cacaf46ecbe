"""What the daemon and its client raise on purpose, and the exit code each ends a command with.

InspectdError (1)
├── SettingsError (78)     the configuration; the message names the file, the key, the value and the way out
├── CameraError            a camera cannot be opened or read; the daemon goes on with the others
├── JournalError (74)      the journal cannot be opened or written
├── PublishError (69)      a socket cannot be bound
├── ClientError            a message that is not of this wire, or a replay that did not come
└── EngineFailure (70)     the engine died under the daemon; a restart may heal it

The codes are those of sysexits.h, so that a supervisor can tell a typo from a fault worth a restart.
"""

from __future__ import annotations

from typing import ClassVar


class InspectdError(Exception):
    """Anything this package raises on purpose."""

    exit_code: ClassVar[int] = 1


class SettingsError(InspectdError):
    """The configuration cannot be used."""

    exit_code = 78


class CameraError(InspectdError):
    """A camera cannot be opened or read."""


class JournalError(InspectdError):
    """The journal cannot be opened or written."""

    exit_code = 74


class PublishError(InspectdError):
    """A socket cannot be bound."""

    exit_code = 69


class ClientError(InspectdError):
    """A message that is not of this wire, or a replay that did not come."""


class EngineFailure(InspectdError):  # noqa: N818 - a failure of the engine's, told apart from engines.EngineError
    """The engine died under the daemon."""

    exit_code = 70
