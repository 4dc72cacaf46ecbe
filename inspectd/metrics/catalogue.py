"""Every metric: its name, its labels and what it means. docs/metrics.md is generated from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Metric:
    """One metric, as the page names it; a histogram's `_bucket`, `_sum` and `_count` come on top."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, of a histogram."""


SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
RATIOS: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0)

VERDICTS: Final = Metric(
    "inspectd_verdicts_total",
    "counter",
    "Verdicts on frames, published; reason is empty unless the outcome is ERROR.",
    ("camera", "outcome", "reason"),
)
PART_VERDICTS: Final = Metric(
    "inspectd_part_verdicts_total", "counter", "Verdicts on triggered parts, published.", ("outcome", "reason")
)
VERDICTS_LOST: Final = Metric(
    "inspectd_verdicts_lost_total", "counter", "Verdicts that could not be journaled before the daemon had to end."
)
LATENCY: Final = Metric(
    "inspectd_latency_seconds",
    "histogram",
    "From the capture of a frame to its verdict's publication.",
    ("camera",),
    SECONDS,
)
DEADLINE_USED: Final = Metric(
    "inspectd_deadline_used_ratio",
    "histogram",
    "The same as a share of the frame's deadline; above 1, it came too late.",
    ("camera",),
    SHARES,
)
STAGES: Final = Metric(
    "inspectd_stage_seconds",
    "histogram",
    "Time that a frame spends in a stage of its way; see below.",
    ("stage",),
    SECONDS,
)
SCORES: Final = Metric(
    "inspectd_score_ratio",
    "histogram",
    "Score of a frame that was judged, divided by the threshold; it fails from 1 on.",
    ("camera",),
    RATIOS,
)
THRESHOLD: Final = Metric("inspectd_threshold", "gauge", "A frame fails where its score reaches this.")
BATCHES: Final = Metric("inspectd_engine_batches_total", "counter", "Batches that the engine has run.")
BATCHES_FAILED: Final = Metric(
    "inspectd_engine_batches_failed_total", "counter", "Batches on which the engine failed; their frames are ERROR."
)
TILES: Final = Metric("inspectd_engine_tiles_total", "counter", "Tiles in the batches that the engine has run.")
BATCH_LIMIT: Final = Metric("inspectd_engine_batch_limit_tiles", "gauge", "Most tiles that a batch holds.")

STATE: Final = Metric("inspectd_state", "gauge", "1 for the state that the daemon is in, 0 for all others.", ("state",))
CLIENTS_REFUSED: Final = Metric(
    "inspectd_clients_refused_total",
    "counter",
    "Connections that were refused or cut: for want of a key, or because of what came over them.",
)
DAEMON: Final = Metric("inspectd_daemon_info", "gauge", "Always 1; who speaks.", ("publisher", "boot", "version"))
MODEL: Final = Metric("inspectd_model_info", "gauge", "Always 1; what judges.", ("surface", "bundle", "runtime"))
HEARTBEAT_AGE: Final = Metric(
    "inspectd_heartbeat_age_seconds", "gauge", "Since the last heartbeat; one comes every second."
)
SEQUENCE: Final = Metric("inspectd_published_sequence", "gauge", "Number of the last verdict published.")
STAGE_ALIVE: Final = Metric(
    "inspectd_stage_alive",
    "gauge",
    "1 while a stage makes progress or rests, 0 where it is stuck or failed.",
    ("stage",),
)
CAMERA_STATE: Final = Metric(
    "inspectd_camera_state", "gauge", "1 for the state that a camera is in, 0 for all others.", ("camera", "state")
)
FRAMES: Final = Metric("inspectd_camera_frames_total", "counter", "Frames taken.", ("camera",))
RESTARTS: Final = Metric(
    "inspectd_camera_restarts_total", "counter", "Times that the camera's process was replaced.", ("camera",)
)
UNTRIGGERED: Final = Metric(
    "inspectd_camera_untriggered_total",
    "counter",
    "Frames without a trigger, from a camera that waits for triggers.",
    ("camera",),
)
UNINSPECTED: Final = Metric(
    "inspectd_camera_uninspected_mm_total",
    "counter",
    "Web that went past between frames without being judged, mm.",
    ("camera",),
)
OPEN_FRAMES: Final = Metric(
    "inspectd_open_frames", "gauge", "Frames taken or triggered that have no verdict yet, at the last heartbeat."
)
QUEUED: Final = Metric("inspectd_queue_frames", "gauge", "Frames that wait for the engine.", ("camera",))
QUEUE_LIMIT: Final = Metric(
    "inspectd_queue_limit_frames", "gauge", "Most that may wait before the drop policy acts: queue_frames.", ("camera",)
)
WAITING: Final = Metric("inspectd_journal_waiting_verdicts", "gauge", "Verdicts decided that are not yet published.")
JOURNAL_LAG: Final = Metric(
    "inspectd_journal_lag_seconds", "gauge", "Since the oldest of them was decided; 0 where none waits."
)
JOURNAL_BYTES: Final = Metric("inspectd_journal_bytes", "gauge", "Size of the journal's file and its log.")
JOURNAL_LIMIT: Final = Metric("inspectd_journal_limit_bytes", "gauge", "Most that it may grow to: max_size_mb.")
DISK_FREE: Final = Metric(
    "inspectd_journal_disk_free_bytes", "gauge", "Room left for the daemon's user on the journal's file system."
)
DISK_SIZE: Final = Metric("inspectd_journal_disk_bytes", "gauge", "Size of that file system.")

DRIFT: Final = Metric(
    "inspectd_drift", "gauge", "1 for the level of drift that a camera is at, 0 for all others.", ("camera", "level")
)
DRIFT_SCORES: Final = Metric(
    "inspectd_drift_score_ratio",
    "gauge",
    "Scores of recent frames that passed, divided by those of calibration.",
    ("camera",),
)
DRIFT_DISTANCES: Final = Metric(
    "inspectd_drift_distance_ratio", "gauge", "The mean distance of their maps, likewise.", ("camera",)
)
DRIFT_REJECTS: Final = Metric(
    "inspectd_drift_false_reject_ratio",
    "gauge",
    "Share of good frames that will fail if scores stay where they are.",
    ("camera",),
)

ARCHIVED: Final = Metric("inspectd_archive_entries_total", "counter", "Pictures archived.", ("outcome",))
NOT_ARCHIVED: Final = Metric(
    "inspectd_archive_dropped_total",
    "counter",
    "Pictures that were to be archived and were not; see below.",
    ("reason",),
)
ARCHIVE_FAILING: Final = Metric(
    "inspectd_archive_failing", "gauge", "1 while nothing can be archived; the log and systemctl status say why."
)
ARCHIVE_BYTES: Final = Metric("inspectd_archive_bytes", "gauge", "Size of what is in the archive.")
ARCHIVE_LIMIT: Final = Metric("inspectd_archive_limit_bytes", "gauge", "Most that it may grow to: max_size_mb.")
ARCHIVE_FREE: Final = Metric(
    "inspectd_archive_disk_free_bytes", "gauge", "Room left for the daemon's user on the archive's file system."
)

SHADOW: Final = Metric(
    "inspectd_shadow_comparing", "gauge", "1 while a candidate is compared with the model that judges."
)
SHADOW_COMPARED: Final = Metric(
    "inspectd_shadow_frames_total",
    "counter",
    "Frames that a candidate was compared on, in this boot, by how both judged.",
    ("agreement",),
)
SHADOW_SKIPPED: Final = Metric(
    "inspectd_shadow_skipped_total", "counter", "Frames that the candidate had no time for, in this boot."
)

GROUPS: Final[dict[str, tuple[Metric, ...]]] = {
    "verdicts": (VERDICTS, PART_VERDICTS, SCORES, THRESHOLD, VERDICTS_LOST),
    "time": (LATENCY, DEADLINE_USED, STAGES),
    "cameras": (CAMERA_STATE, FRAMES, RESTARTS, UNTRIGGERED, UNINSPECTED),
    "engine": (QUEUED, QUEUE_LIMIT, OPEN_FRAMES, BATCHES, BATCHES_FAILED, TILES, BATCH_LIMIT),
    "journal": (WAITING, JOURNAL_LAG, JOURNAL_BYTES, JOURNAL_LIMIT, DISK_FREE, DISK_SIZE),
    "drift": (DRIFT, DRIFT_SCORES, DRIFT_DISTANCES, DRIFT_REJECTS),
    "archive": (ARCHIVED, NOT_ARCHIVED, ARCHIVE_FAILING, ARCHIVE_BYTES, ARCHIVE_LIMIT, ARCHIVE_FREE),
    "shadow": (SHADOW, SHADOW_COMPARED, SHADOW_SKIPPED),
    "daemon": (STATE, STAGE_ALIVE, HEARTBEAT_AGE, SEQUENCE, CLIENTS_REFUSED, MODEL, DAEMON),
}
"""All of them, in the order in which they are documented."""

DROP_REASONS: Final = {
    "queue_full": "more waits to be written than `queue_mb` has room for: the disk is slow, or nothing can be archived",
    "busy": "so many frames came at once that their pictures could not be copied in time",
    "no_picture": "so many verdicts waited to be published that the picture was let go",
    "not_encoded": "the picture cannot be a PNG",
    "ended": "the daemon ended before it was written",
}
"""The values of the label `reason` of `NOT_ARCHIVED`."""

AGREEMENTS: Final = {
    "both_pass": "it passes with both",
    "both_fail": "it fails with both",
    "only_running_fails": "it fails with the model that judges alone",
    "only_candidate_fails": "it fails with the candidate alone",
}
"""The values of the label `agreement` of `SHADOW_COMPARED`."""

STAGE_NAMES: Final = {
    "capture": "from the frame's capture until the daemon has it: the driver, the camera's process and the hand-over",
    "queue": "until its first tiles go to the engine",
    "engine": "until the maps of its last tiles are back",
    "judging": "stitching, levelling, regions, until the outcome is decided",
    "journal": "until the verdict is durable",
    "publishing": "until it is sent",
}
"""The values of the label `stage` of `STAGES`, in order, and where each ends. The first four are measured for frames
that are judged, the last two for all verdicts on frames."""
