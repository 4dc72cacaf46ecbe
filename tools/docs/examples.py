"""The golden examples: one message of each kind, with the values that docs/wire.md shows."""

from __future__ import annotations

from pydantic import BaseModel

from inspectd.wire.models import (
    ActivateRequest,
    CameraDrift,
    CameraState,
    CameraStatus,
    Change,
    ChangeAccepted,
    ChangeAction,
    ChangeStanding,
    ChangeState,
    ControlError,
    DaemonState,
    DrainAccepted,
    DrainRequest,
    DriftLevel,
    EncoderAccepted,
    EncoderRequest,
    Heartbeat,
    MapHeader,
    ModelEntry,
    ModelRole,
    Models,
    ModelStanding,
    Outcome,
    PartFrame,
    PartVerdict,
    PictureHeader,
    Reason,
    Region,
    ReplayEnd,
    ReplayError,
    ReplayPage,
    ReplayRequest,
    ShadowRequest,
    Status,
    StatusRequest,
    ThresholdRequest,
    TriggerAccepted,
    TriggerRequest,
    Verdict,
)

_BOOT = "6f1e0c4b9a3d4f5e8b7a6c5d4e3f2a1b"
_JOURNAL = "b1946ac92492d234"
_BUNDLE = "brick-0123456789abcdef"

FAIL = Verdict(
    publisher="line-3",
    boot=_BOOT,
    journal=_JOURNAL,
    sequence=1042,
    camera="web",
    frame=517,
    source=None,
    surface="brick",
    bundle=_BUNDLE,
    outcome=Outcome.FAIL,
    score=3.25,
    threshold=2.5,
    regions=(
        Region(
            x=412,
            y=96,
            width=40,
            height=24,
            area=704,
            centroid_x=431.5,
            centroid_y=107.2,
            peak=3.75,
            peak_x=433,
            peak_y=108,
            width_mm=10,
            height_mm=6,
            area_mm2=44,
            centroid_x_mm=107.875,
            centroid_y_mm=26.8,
            id=31,
            along_mm=82744.0,
            across_mm=103.0,
        ),
    ),
    width=1280,
    height=640,
    mm_per_px=0.25,
    along_mm=82720.0,
    across_mm=0.0,
    judged_from_mm=82736.0,
    captured_utc="2026-03-01T06:30:12.250000Z",
    captured_monotonic_ns=86412250000000,
    decided_utc="2026-03-01T06:30:12.291500Z",
    decided_monotonic_ns=86412291500000,
    deadline_ms=1000,
    latency_ms=41.5,
)
PASS = FAIL.model_copy(
    update={
        "sequence": 1043,
        "frame": 518,
        "outcome": Outcome.PASS,
        "score": 1.125,
        "regions": (),
        "along_mm": 82864.0,
        "judged_from_mm": 82880.0,
        "captured_utc": "2026-03-01T06:30:12.350000Z",
        "captured_monotonic_ns": 86412350000000,
        "decided_utc": "2026-03-01T06:30:12.390000Z",
        "decided_monotonic_ns": 86412390000000,
        "latency_ms": 40.0,
    }
)
ERROR = PASS.model_copy(
    update={
        "sequence": 1044,
        "frame": None,
        "outcome": Outcome.ERROR,
        "reason": Reason.CAMERA_LOST,
        "detail": "opencv:/dev/video0: no more frames come; check the camera, its cable and its network",
        "score": None,
        "width": None,
        "height": None,
        "along_mm": None,
        "judged_from_mm": None,
        "captured_utc": "2026-03-01T06:30:17.400000Z",
        "captured_monotonic_ns": 86417400000000,
        "decided_utc": "2026-03-01T06:30:17.400000Z",
        "decided_monotonic_ns": 86417400000000,
        "latency_ms": 0.0,
    }
)
PART = PartVerdict(
    publisher="line-3",
    boot=_BOOT,
    journal=_JOURNAL,
    sequence=1050,
    part="4711",
    surface="brick",
    bundle=_BUNDLE,
    outcome=Outcome.ERROR,
    reason=Reason.NO_FRAME,
    detail="side: no frame came within 400 ms of the trigger",
    frames=(
        PartFrame(camera="top", frame=88, outcome=Outcome.PASS, score=1.125),
        PartFrame(camera="side", frame=None, outcome=Outcome.ERROR, reason=Reason.NO_FRAME),
    ),
    triggered_utc="2026-03-01T06:31:02.000000Z",
    triggered_monotonic_ns=86462000000000,
    decided_utc="2026-03-01T06:31:02.380000Z",
    decided_monotonic_ns=86462380000000,
    deadline_ms=400,
    latency_ms=380.0,
)
CHANGE = Change(
    publisher="line-3",
    boot=_BOOT,
    journal=_JOURNAL,
    sequence=1051,
    id="5b1c9e3f0a7d4e62",
    action=ChangeAction.ACTIVATE,
    surface="brick",
    bundle="brick-89abcdef01234567",
    bundle_before=_BUNDLE,
    threshold=2.25,
    threshold_before=2.5,
    who="mara@line-3",
    why="new supplier",
    changed_utc="2026-03-01T06:32:00.000000Z",
    changed_monotonic_ns=86520000000000,
)
HEARTBEAT = Heartbeat(
    publisher="line-3",
    boot=_BOOT,
    journal=_JOURNAL,
    sequence=1044,
    beat=318,
    state=DaemonState.INSPECTING,
    surface="brick",
    bundle=_BUNDLE,
    threshold=2.5,
    cameras=(
        CameraStatus(
            camera="web",
            state=CameraState.BACKING_OFF,
            detail="opencv:/dev/video0: no such device; connect it or set 'source'. Devices here: none",
            frames=518,
            restarts=1,
            drift=CameraDrift(
                level=DriftLevel.WARNING,
                detail="scores have risen by 18% since calibration; if this goes on, about 4.1% of good frames will "
                "fail (target 1.0%)",
                scores=0.1804,
                distances=0.1212,
                false_rejects=0.0413,
            ),
        ),
    ),
    passed=516,
    failed=2,
    errors=1,
    open_frames=0,
    sent_utc="2026-03-01T06:30:18.000000Z",
    sent_monotonic_ns=86418000000000,
)
ACTIVATE = ActivateRequest(who="mara@line-3", why="new supplier", model="winter")
CHANGE_ACCEPTED = ChangeAccepted(ticket="5b1c9e3f0a7d4e62")
THRESHOLD = ThresholdRequest(who="mara@line-3", why="stains are accepted today", value=2.75)
SHADOW = ShadowRequest(who="mara@line-3", why="fewer false alarms?", model="winter")
_STANDING = ChangeStanding(
    ticket="5b1c9e3f0a7d4e62",
    request="activate",
    bundle="brick-89abcdef01234567",
    state=ChangeState.CHECKING,
    who="mara@line-3",
    asked_utc="2026-03-01T06:31:57.000000Z",
)
MODELS = Models(
    registry="/var/lib/inspectd/models",
    models=(
        ModelEntry(
            bundle=_BUNDLE,
            id="0123456789abcdef",
            surface="brick",
            name="summer",
            threshold=2.5,
            added_utc="2026-02-01T10:12:00.000000Z",
            role=ModelRole.ACTIVE,
        ),
        ModelEntry(
            bundle="brick-89abcdef01234567",
            id="89abcdef01234567",
            surface="brick",
            name="winter",
            note="clay of the new supplier",
            threshold=2.25,
            added_utc="2026-03-01T06:28:00.000000Z",
        ),
    ),
    changes=(_STANDING,),
)
STATUS = Status(
    heartbeat=HEARTBEAT,
    model=ModelStanding(
        bundle=_BUNDLE,
        surface="brick",
        threshold=2.5,
        own_threshold=2.5,
        least_threshold=1.25,
        most_threshold=5.0,
        live=True,
    ),
    changes=(_STANDING,),
)
DRAIN = DrainRequest(who="mara@line-3", why="end of shift")
DRAIN_ACCEPTED = DrainAccepted(open_frames=2)
MAP_HEADER = MapHeader(
    publisher="line-3",
    boot=_BOOT,
    journal=_JOURNAL,
    sequence=1042,
    camera="web",
    frame=517,
    encoding="float16",
    rows=80,
    columns=160,
    cell=8,
    threshold=2.5,
    full_scale=5.0,
)
PICTURE_HEADER = PictureHeader(
    publisher="line-3",
    boot=_BOOT,
    journal=_JOURNAL,
    sequence=1042,
    camera="web",
    frame=517,
    outcome=Outcome.FAIL,
    width=640,
    height=320,
    frame_width=1280,
    frame_height=640,
)
REPLAY_REQUEST = ReplayRequest(first=1040, last=1042)
REPLAY_END = ReplayEnd(journal=_JOURNAL, first=3, last=1044, sent=3)
REPLAY_PAGE = ReplayPage(journal=_JOURNAL, first=3, last=1044, sent=3, more=False)
TRIGGER = TriggerRequest(part="4711", cameras=("top", "side"), deadline_ms=400)
TRIGGER_ACCEPTED = TriggerAccepted(
    part="4711",
    cameras=("top", "side"),
    deadline_ms=400,
    triggered_utc="2026-03-01T06:31:02.000000Z",
    triggered_monotonic_ns=86462000000000,
)
ENCODER = EncoderRequest(count=827_200)
ENCODER_ACCEPTED = EncoderAccepted(count=827_200, cameras=("web",), monotonic_ns=86412250000000)
CONTROL_ERROR = ControlError(error="cameras: no camera 'sid'; there are top, side")
REPLAY_ERROR = ReplayError(error="first: Input should be greater than or equal to 1")

EXAMPLES: dict[str, BaseModel] = {
    "example-fail": FAIL,
    "example-pass": PASS,
    "example-error": ERROR,
    "example-part": PART,
    "example-change": CHANGE,
    "example-trigger": TRIGGER,
    "example-trigger-accepted": TRIGGER_ACCEPTED,
    "example-encoder": ENCODER,
    "example-encoder-accepted": ENCODER_ACCEPTED,
    "example-control-error": CONTROL_ERROR,
    "example-status-request": StatusRequest(),
    "example-status": STATUS,
    "example-models": MODELS,
    "example-activate": ACTIVATE,
    "example-change-accepted": CHANGE_ACCEPTED,
    "example-shadow": SHADOW,
    "example-threshold": THRESHOLD,
    "example-drain": DRAIN,
    "example-drain-accepted": DRAIN_ACCEPTED,
    "example-heartbeat": HEARTBEAT,
    "example-map": MAP_HEADER,
    "example-picture": PICTURE_HEADER,
    "example-replay-request": REPLAY_REQUEST,
    "example-replay-end": REPLAY_END,
    "example-replay-page": REPLAY_PAGE,
    "example-replay-error": REPLAY_ERROR,
}
