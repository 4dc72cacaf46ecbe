"""The messages on the wire, a module for each kind. docs/wire.md is generated from them."""

from inspectd.wire.models.control import (
    ControlError,
    ControlRequest,
    EncoderAccepted,
    EncoderRequest,
    TriggerAccepted,
    TriggerRequest,
)
from inspectd.wire.models.heartbeat import CameraState, CameraStatus, DaemonState, Heartbeat
from inspectd.wire.models.map_header import MapHeader
from inspectd.wire.models.message import WIRE_VERSION, Count, Finite, Message
from inspectd.wire.models.outcomes import Outcome, Reason
from inspectd.wire.models.part import PartFrame, PartVerdict
from inspectd.wire.models.replay import ReplayEnd, ReplayError, ReplayRequest
from inspectd.wire.models.verdict import Region, Verdict, contradiction

__all__ = [
    "WIRE_VERSION",
    "CameraState",
    "CameraStatus",
    "ControlError",
    "ControlRequest",
    "Count",
    "DaemonState",
    "EncoderAccepted",
    "EncoderRequest",
    "Finite",
    "Heartbeat",
    "MapHeader",
    "Message",
    "Outcome",
    "PartFrame",
    "PartVerdict",
    "Reason",
    "Region",
    "ReplayEnd",
    "ReplayError",
    "ReplayRequest",
    "TriggerAccepted",
    "TriggerRequest",
    "Verdict",
    "contradiction",
]
