"""What is said of a frame."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.config import JsonDict

from inspectd.outcomes import Outcome, Reason
from inspectd.wire.models.message import TELLS, Count, Finite, Message, Pixels


class Region(BaseModel):
    """A defect: a connected area of the map at or above the threshold."""

    model_config = TELLS

    x: Pixels
    """Left border of the bounding box."""
    y: Pixels
    """Upper border of the bounding box."""
    width: Pixels
    """Of the bounding box."""
    height: Pixels
    """Of the bounding box."""
    area: Pixels
    """Pixels in the region."""
    centroid_x: Pixels
    """Centre of gravity, weighted by the distance above the threshold."""
    centroid_y: Pixels
    """Likewise, from the upper border of the frame."""
    peak: Finite
    """Largest distance in the region."""
    peak_x: Pixels
    """Where the peak lies."""
    peak_y: Pixels
    """Where the peak lies."""
    width_mm: Finite | None = None
    """The same in mm; as all `*_mm`, null where the scale is not known."""
    height_mm: Finite | None = None
    """The same in mm."""
    area_mm2: Finite | None = None
    """The same in mm²."""
    centroid_x_mm: Finite | None = None
    """The same in mm."""
    centroid_y_mm: Finite | None = None
    """The same in mm."""
    id: Count | None = None
    """On a web: names the defect. A region that goes on in the next frame has the same id there, so that defects are
    counted by their ids. Unique for one camera in one boot; null without a web."""
    joins: tuple[Count, ...] = ()
    """Other ids that turn out to name the same defect: this region joins what were two in the frame before."""
    along_mm: Finite | None = None
    """Where the region begins along the web; null without a web, or where the frame's place is not known."""
    across_mm: Finite | None = None
    """Where its left border lies across the web; null without a web."""


# What `contradiction` demands, as far as JSON Schema can say it.
_COHERENCE: JsonDict = {
    "if": {"properties": {"outcome": {"const": "ERROR"}}},
    "then": {"properties": {"reason": {"type": "string"}, "score": {"type": "null"}, "regions": {"maxItems": 0}}},
    "else": {"properties": {"reason": {"type": "null"}, "score": {"type": "number"}}},
}


class Verdict(Message):
    """What is said of one frame, or of a frame that should have been there."""

    model_config = ConfigDict(**TELLS, json_schema_extra=_COHERENCE)

    kind: Literal["verdict"] = "verdict"
    """What this message is."""
    camera: str
    """Name of the camera, from the daemon's settings."""
    frame: Count | None
    """Number of the frame, counted by its camera from 1 in each boot; null where there is none (`camera_lost`)."""
    source: str | None = None
    """Where the camera took the frame from, where it can tell: a file's name."""
    part: str | None = None
    """Id of the part that the frame shows, as its trigger named it; null for a frame that no trigger asked for."""
    untriggered: bool = False
    """The camera waits for triggers, and this frame came without one: it is inspected, but belongs to no part."""
    surface: str
    """What is inspected."""
    bundle: str
    """Name of the bundle that judged."""
    outcome: Outcome
    """PASS, FAIL or ERROR. Only PASS says that the frame is good."""
    reason: Reason | None = None
    """Set exactly where the outcome is ERROR."""
    detail: str | None = None
    """The reason in words. On a PASS or FAIL of a web: why its place is not known, or what went past before it."""
    score: Finite | None = None
    """Set exactly where the outcome is PASS or FAIL."""
    threshold: Finite
    """The frame fails where its score reaches this."""
    regions: tuple[Region, ...] = ()
    """Largest peak first; empty unless the outcome is FAIL."""
    regions_omitted: Count = 0
    """Regions beyond the most that are listed."""
    width: Count | None = None
    """Of the frame, px; null where no frame came."""
    height: Count | None = None
    """Of the frame, px; null where no frame came."""
    mm_per_px: Finite | None = None
    """Scale of the camera, where it is known; at the middle of the frame, where it is not the same all over."""
    along_mm: Finite | None = None
    """Where the frame begins along the web; null without a web, or where it is not known: `detail` then says why. It
    ends `height` × `mm_per_px` further on."""
    across_mm: Finite | None = None
    """Where the frame's left border lies across the web; null without a web."""
    judged_from_mm: Finite | None = None
    """From here on along the web this verdict counts, to the end of the frame: an earlier frame has judged what lies
    before. Null where `along_mm` is, and on an ERROR."""
    uninspected_mm: Finite = 0
    """Web that went past before this frame without being judged: since the last PASS or FAIL of this camera."""
    captured_utc: str
    """When the camera delivered the frame."""
    captured_monotonic_ns: Count
    """The same moment on the monotonic clock."""
    decided_utc: str
    """When the outcome was decided; the verdict is made durable and published right after."""
    decided_monotonic_ns: Count
    """The same moment on the monotonic clock."""
    deadline_ms: Finite
    """The time from capture within which a verdict is promised."""
    latency_ms: Finite
    """From capture to the decision."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        problem = contradiction(self.outcome, self.reason, self.score, self.threshold, self.regions)
        if problem:
            raise ValueError(problem)
        return self


def contradiction(
    outcome: Outcome, reason: Reason | None, score: float | None, threshold: float, regions: tuple[Region, ...]
) -> str | None:
    """What in a verdict denies itself, in words; None where all agrees."""
    if outcome is Outcome.ERROR:
        if reason is None or score is not None or regions:
            return "an ERROR has a reason, and neither score nor regions"
        return None
    if reason is not None or score is None:
        return f"{outcome} has a score, and no reason"
    if (score < threshold) != (outcome is Outcome.PASS):
        return f"{outcome} with score {score:g} against threshold {threshold:g}"
    return "a PASS has no regions" if outcome is Outcome.PASS and regions else None
