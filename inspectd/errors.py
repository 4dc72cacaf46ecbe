"""What the daemon and its client raise on purpose, and the exit code each ends a command with.

InspectdError (1)
├── SettingsError (78)     the configuration; the message names the file, the key, the value and the way out
│   ├── ViewError (78)     a mask, scale or flat-field file that a camera names, or a frame that it does not fit
│   └── KeysError (78)     a file of keys that is missing or damaged, of the daemon or of a client
├── CameraError            a camera cannot be opened or read; the daemon goes on with the others
├── JournalError (74)      the journal cannot be opened or written
├── ArchiveError (74)      the archive of pictures cannot be read, or a label cannot be written
│   └── EntryGoneError     an entry was removed from the archive meanwhile, to make room
├── RegistryError (74)     the registry of models cannot be read or written, or a daemon holds it
├── ShadowError            a candidate cannot go on; the line does
├── PublishError (69)      a socket cannot be bound
├── BridgeStateError (74)  the file in which a bridge keeps what was taken cannot be used
├── OutputError (73)       a file that a command was to write cannot be written
├── ServiceError           the service cannot be set up on this machine
├── ClientError            a message that is not of this wire, or an answer that did not come
│   └── NotAdmittedError   the daemon does not let this client in; the message says what it lacks
├── RequestRefusedError    what was asked over the control socket is not done; the message says why
│   ├── TriggerRefusedError    a trigger
│   ├── ModelRefusedError      a model, or a threshold: the one before judges on
│   └── CountRefusedError      an encoder's count
└── EngineFailure (70)     the engine died under the daemon; a restart may heal it
    └── DeviceFailure (71) the GPU was lost; a restart heals it where the GPU itself came back

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


class ViewError(SettingsError):
    """A mask, scale or flat-field file that a camera names cannot be used, or does not fit its frames."""


class KeysError(SettingsError):
    """A file of keys is missing or damaged."""


class CameraError(InspectdError):
    """A camera cannot be opened or read."""


class JournalError(InspectdError):
    """The journal cannot be opened or written."""

    exit_code = 74


class RegistryError(InspectdError):
    """The registry of models cannot be read or written, or a daemon holds it."""

    exit_code = 74


class ArchiveError(InspectdError):
    """The archive of pictures cannot be read, or a label cannot be written."""

    exit_code = 74


class EntryGoneError(ArchiveError):
    """An entry was removed from the archive meanwhile."""


class ShadowError(InspectdError):
    """A candidate in the shadow cannot go on; the line does."""


class PublishError(InspectdError):
    """A socket cannot be bound."""

    exit_code = 69


class BridgeStateError(InspectdError):
    """The file in which a bridge keeps what was taken cannot be used."""

    exit_code = 74


class OutputError(InspectdError):
    """A file that a command was to write cannot be written."""

    exit_code = 73


class ServiceError(InspectdError):
    """The service cannot be set up on this machine."""


class ClientError(InspectdError):
    """A message that is not of this wire, or an answer that did not come."""


class NotAdmittedError(ClientError):
    """The daemon does not let this client in."""


class RequestRefusedError(InspectdError):
    """What was asked over the control socket is not done."""


class TriggerRefusedError(RequestRefusedError):
    """A trigger cannot be taken."""


class ModelRefusedError(RequestRefusedError):
    """A model or a threshold is not put in place; the one before judges on."""


class CountRefusedError(RequestRefusedError):
    """An encoder's count cannot be taken."""


class EngineFailure(InspectdError):  # noqa: N818 - a failure of the engine's, told apart from engines.EngineError
    """The engine died under the daemon."""

    exit_code = 70


class DeviceFailure(EngineFailure):
    """The GPU was lost under the daemon."""

    exit_code = 71
