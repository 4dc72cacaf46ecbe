"""Numbers for what the wire says in words. They are promised: a number once given is never given another meaning."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from inspectd.wire.models import DaemonState, Outcome, Reason


class Kind(IntEnum):
    """What is handed over."""

    NONE = 0
    """Nothing is available."""
    FRAME = 1
    """A verdict on a frame."""
    PART = 2
    """A verdict on a part."""
    LOST = 3
    """Word that verdicts are lost: they were published, and nobody can have them any more."""


class OutcomeCode(IntEnum):
    """What is said of it."""

    NONE = 0
    """Nothing is available. Never good."""
    PASS = 1
    """Good. Nothing else is."""
    FAIL = 2
    """A defect was seen."""
    ERROR = 3
    """It could not be judged: treat it as bad."""
    LOST = 4
    """Its verdict is lost: treat it as bad."""


class LostReason(IntEnum):
    """Why verdicts are lost."""

    NOT_IN_JOURNAL = 101
    """The daemon's journal no longer holds them."""
    JOURNAL_REPLACED = 102
    """The journal was lost or replaced, or an old copy was put back; numbers began anew, and so did `series`."""


OUTCOMES: Final[Mapping[Outcome, OutcomeCode]] = MappingProxyType(
    {Outcome.PASS: OutcomeCode.PASS, Outcome.FAIL: OutcomeCode.FAIL, Outcome.ERROR: OutcomeCode.ERROR}
)
REASONS: Final[Mapping[Reason, int]] = MappingProxyType(
    {
        Reason.BAD_FRAME: 1,
        Reason.BLANK: 2,
        Reason.CAMERA_LOST: 3,
        Reason.DEADLINE: 4,
        Reason.ENGINE_FAILED: 5,
        Reason.FROZEN: 6,
        Reason.NOT_FINITE: 7,
        Reason.NO_FRAME: 8,
        Reason.OVERRUN: 9,
        Reason.SHUTDOWN: 10,
    }
)
STATES: Final[Mapping[DaemonState, int]] = MappingProxyType(
    {
        DaemonState.STARTING: 1,
        DaemonState.INSPECTING: 2,
        DaemonState.JOURNAL_FAILING: 3,
        DaemonState.DRAINING: 4,
        DaemonState.STOPPED: 5,
    }
)
"""0 stands for a daemon that is not heard."""
