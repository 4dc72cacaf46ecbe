"""The golden examples: one message of each kind, with the values that docs/wire.md shows."""

from __future__ import annotations

from pydantic import BaseModel

from inspectd.wire.models import (
    CameraState,
    CameraStatus,
    DaemonState,
    Heartbeat,
    MapHeader,
    Outcome,
    Reason,
    Region,
    ReplayEnd,
    ReplayError,
    ReplayRequest,
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
        ),
    ),
    width=1280,
    height=640,
    mm_per_px=0.25,
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
        "captured_utc": "2026-03-01T06:30:17.400000Z",
        "captured_monotonic_ns": 86417400000000,
        "decided_utc": "2026-03-01T06:30:17.400000Z",
        "decided_monotonic_ns": 86417400000000,
        "latency_ms": 0.0,
    }
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
    cameras=(
        CameraStatus(
            camera="web",
            state=CameraState.BACKING_OFF,
            detail="opencv:/dev/video0: no such device; connect it or set 'source'. Devices here: none",
            frames=518,
            restarts=1,
        ),
    ),
    passed=516,
    failed=2,
    errors=1,
    open_frames=0,
    sent_utc="2026-03-01T06:30:18.000000Z",
    sent_monotonic_ns=86418000000000,
)
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
REPLAY_REQUEST = ReplayRequest(first=1040, last=1042)
REPLAY_END = ReplayEnd(journal=_JOURNAL, first=3, last=1044, sent=3)
REPLAY_ERROR = ReplayError(error="first: Input should be greater than or equal to 1")

EXAMPLES: dict[str, BaseModel] = {
    "example-fail": FAIL,
    "example-pass": PASS,
    "example-error": ERROR,
    "example-heartbeat": HEARTBEAT,
    "example-map": MAP_HEADER,
    "example-replay-request": REPLAY_REQUEST,
    "example-replay-end": REPLAY_END,
    "example-replay-error": REPLAY_ERROR,
}
