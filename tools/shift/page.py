"""The report of a shift as one HTML page without any reference outside it, to read and to print."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from inspectd.archive.reader import ArchiveReader
from inspectd.wire.models import Change, Outcome, Verdict
from tools.report.template import page_template
from tools.report.wording import percent
from tools.shift import charts
from tools.shift.downtime import Stretch
from tools.shift.tally import Tally
from tools.shift.worst import Worst, sample_picture, with_pictures

LONGEST = 12
"""Times without inspection that are listed one by one."""


def render(tally: Tally, archive: ArchiveReader | None) -> str:
    """The page.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    template = page_template("tools.shift")
    window = tally.window
    return template.render(
        line=", ".join(sorted(tally.publishers)),
        surfaces=", ".join(sorted(tally.surfaces)),
        bundles=[f"{name} ({count:,} frames)" for name, count in tally.bundles.most_common()],
        since=_told(window.since),
        until=_told(window.until),
        made=_told(datetime.now().astimezone()),
        cards=list(_cards(tally)),
        cameras=[_camera_row(camera, counts) for camera, counts in sorted(tally.outcomes.items())],
        yields=charts.yield_chart(window, tally.over_time, tally.changes),
        scores=[
            (camera, charts.score_chart(camera, window, bins, tally.changes))
            for camera, bins in sorted(tally.scores.items())
        ],
        places=list(_places(tally, archive)),
        worst=[_figure(worst) for worst in with_pictures(tally.worst, archive, window)],
        archived=archive is not None,
        down=_down_rows(tally.stretches),
        longest=[_stretch_row(stretch) for stretch in sorted(tally.stretches, key=_length)[:LONGEST]],
        reasons=[(camera, str(reason), count) for (camera, reason), count in tally.reasons.most_common()],
        changes=[_change_row(change) for change in tally.changes],
    )


@dataclass(frozen=True)
class _Card:
    name: str
    value: str
    note: str


def _cards(tally: Tally) -> Iterable[_Card]:
    total = tally.total
    frames = total.total()
    if frames:
        per_hour = frames / (tally.window.seconds / 3600)
        yield _Card("passed", percent(total[Outcome.PASS] / frames), f"{total[Outcome.PASS]:,} of {frames:,} frames")
        yield _Card("failed", f"{total[Outcome.FAIL]:,}", percent(total[Outcome.FAIL] / frames) + " of the frames")
        yield _Card("errors", f"{total[Outcome.ERROR]:,}", "frames that were not judged, none of them passed")
        yield _Card("frames an hour", f"{per_hour:,.0f}", _together(len(tally.outcomes)))
    parts = tally.parts.total()
    if parts:
        yield _Card("parts passed", percent(tally.parts[Outcome.PASS] / parts), f"of {parts:,} parts")
    yield _Card("not inspected", _duration(_down_s(tally.stretches)), "of any camera, see below")


def _together(cameras: int) -> str:
    return "of one camera" if cameras == 1 else f"{cameras} cameras together"


def _camera_row(camera: str, counts: Counter[Outcome]) -> tuple[str, ...]:
    frames = counts.total()
    return (
        camera,
        f"{frames:,}",
        *(f"{counts[outcome]:,}" for outcome in Outcome),
        percent(counts[Outcome.PASS] / frames),
    )


@dataclass(frozen=True)
class _Place:
    camera: str
    heat: str
    pareto: str


def _places(tally: Tally, archive: ArchiveReader | None) -> Iterable[_Place]:
    for camera, places in sorted(tally.places.items()):
        if places.zones:
            picture = None if archive is None else sample_picture(camera, archive, tally.window)
            yield _Place(
                camera,
                charts.place_chart(camera, places, picture),
                charts.pareto_chart(camera, places.zones, f"Defects of camera {camera} by part of the frame"),
            )


@dataclass(frozen=True)
class _Figure:
    title: str
    note: str
    picture: str | None
    entry: str | None


def _figure(worst: Worst) -> _Figure:
    verdict = worst.verdict
    assert verdict.score is not None
    at = datetime.fromisoformat(verdict.captured_utc).astimezone()
    title = f"{verdict.camera}, {at:%H:%M:%S}, verdict {verdict.sequence}"
    times = f"score {verdict.score / verdict.threshold:.2f} × the threshold"
    return _Figure(title, "; ".join([times, *_size(verdict)]), worst.picture, worst.entry)


def _size(verdict: Verdict) -> Iterable[str]:
    if verdict.regions:
        region = verdict.regions[0]
        if region.width_mm is not None and region.height_mm is not None:
            yield f"{region.width_mm:.1f} × {region.height_mm:.1f} mm"
        else:
            yield f"{region.width:.0f} × {region.height:.0f} px"
        if region.along_mm is not None:
            yield f"{region.along_mm / 1000:.2f} m along the web"
    if verdict.part is not None:
        yield f"part {verdict.part}"


def _down_rows(stretches: Sequence[Stretch]) -> list[tuple[str, str, str, str]]:
    by_reason = defaultdict(list)
    for stretch in stretches:
        by_reason[stretch.reason].append(stretch)
    ordered = sorted(by_reason.items(), key=lambda item: -_down_s(item[1]))
    return [
        (reason, f"{len(found):,}", _duration(_down_s(found)), _duration(max(stretch.seconds for stretch in found)))
        for reason, found in ordered
    ]


def _stretch_row(stretch: Stretch) -> tuple[str, str, str, str]:
    return f"{stretch.begin.astimezone():%H:%M:%S}", stretch.camera, stretch.reason, _duration(stretch.seconds)


def _length(stretch: Stretch) -> float:
    """Longest first."""
    return -stretch.seconds


def _change_row(change: Change) -> tuple[str, str, str, str, str]:
    at = datetime.fromisoformat(change.changed_utc).astimezone()
    bundle = change.bundle if change.bundle == change.bundle_before else f"{change.bundle_before} → {change.bundle}"
    thresholds = f"{change.threshold_before:.4g} → {change.threshold:.4g}"
    return f"{at:%H:%M:%S}", str(change.action), bundle, thresholds, f"{change.who}: {change.why or 'no reason given'}"


def _down_s(stretches: Iterable[Stretch]) -> float:
    return sum(stretch.seconds for stretch in stretches)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _told(moment: datetime) -> str:
    return f"{moment.astimezone():%A %d %B %Y, %H:%M}"
