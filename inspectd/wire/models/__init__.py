"""The messages on the wire, a module for each kind. docs/wire.md is generated from them."""

from inspectd.outcomes import Outcome, Reason
from inspectd.wire.models.change import Change, ChangeAction
from inspectd.wire.models.control import (
    ControlError,
    ControlRequest,
    EncoderAccepted,
    EncoderRequest,
    ModelChangeRequest,
    TriggerAccepted,
    TriggerRequest,
)
from inspectd.wire.models.control_daemon import DrainAccepted, DrainRequest, ModelStanding, Status, StatusRequest
from inspectd.wire.models.control_models import (
    ActivateRequest,
    ChangeAccepted,
    ChangeStanding,
    ChangeState,
    DeleteRequest,
    ModelEntry,
    ModelRole,
    Models,
    ModelsRequest,
    PromoteRequest,
    RollbackRequest,
    ShadowRequest,
    ThresholdRequest,
    UndoRequest,
)
from inspectd.wire.models.drift import CameraDrift, DriftLevel
from inspectd.wire.models.heartbeat import CameraState, CameraStatus, DaemonState, Heartbeat
from inspectd.wire.models.map_header import MapHeader
from inspectd.wire.models.message import WIRE_VERSION, Count, Finite, Message
from inspectd.wire.models.part import PartFrame, PartVerdict
from inspectd.wire.models.picture_header import PictureHeader
from inspectd.wire.models.replay import ReplayEnd, ReplayError, ReplayPage, ReplayRequest
from inspectd.wire.models.shadow import ScoreRatios, ShadowFigures, ShadowStanding, ShadowState
from inspectd.wire.models.verdict import Region, Verdict, contradiction

Numbered = Verdict | PartVerdict | Change
"""Whatever has a number of its own: what the journal keeps and a replay brings."""

__all__ = [
    "WIRE_VERSION",
    "ActivateRequest",
    "CameraDrift",
    "CameraState",
    "CameraStatus",
    "Change",
    "ChangeAccepted",
    "ChangeAction",
    "ChangeStanding",
    "ChangeState",
    "ControlError",
    "ControlRequest",
    "Count",
    "DaemonState",
    "DeleteRequest",
    "DrainAccepted",
    "DrainRequest",
    "DriftLevel",
    "EncoderAccepted",
    "EncoderRequest",
    "Finite",
    "Heartbeat",
    "MapHeader",
    "Message",
    "ModelChangeRequest",
    "ModelEntry",
    "ModelRole",
    "ModelStanding",
    "Models",
    "ModelsRequest",
    "Numbered",
    "Outcome",
    "PartFrame",
    "PartVerdict",
    "PictureHeader",
    "PromoteRequest",
    "Reason",
    "Region",
    "ReplayEnd",
    "ReplayError",
    "ReplayPage",
    "ReplayRequest",
    "RollbackRequest",
    "ScoreRatios",
    "ShadowFigures",
    "ShadowRequest",
    "ShadowStanding",
    "ShadowState",
    "Status",
    "StatusRequest",
    "ThresholdRequest",
    "TriggerAccepted",
    "TriggerRequest",
    "UndoRequest",
    "Verdict",
    "contradiction",
]
