"""The page of the real daemon: every metric that is documented is there, and moves when what it tells of happens."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import pytest

from engines.bundle import Bundle
from engines.errors import EngineError
from inspectd import publisher as publishing_module
from inspectd.client import Controller
from inspectd.errors import PublishError
from inspectd.journal import Journal
from inspectd.metrics.catalogue import GROUPS, STAGE_NAMES, Metric
from inspectd.metrics.meters import Meters
from inspectd.metrics.page import Page
from inspectd.metrics.server import CLIENTS
from inspectd.metrics.standing import Standing
from inspectd.pipeline.model import Model
from inspectd.publisher import DaemonStatus, Publisher
from inspectd.settings import make_settings
from inspectd.wire.models import CameraState, CameraStatus, DaemonState
from tests.bundles import spot, surface_picture
from tests.daemons import Configuration, RunningDaemon, wait_until
from tests.inspectd.line import GatedEngine, Line
from tests.inspectd.metrics.reading import Reading, connected, fetch, read
from tests.inspectd.publishing import CAMERAS, draft, local_settings, publishing

METRICS = [metric for group in GROUPS.values() for metric in group]
MOVED_ELSEWHERE = {
    "inspectd_archive_dropped_total",
    "inspectd_camera_untriggered_total",
    "inspectd_clients_refused_total",
    "inspectd_engine_batches_failed_total",
    "inspectd_shadow_frames_total",
    "inspectd_shadow_skipped_total",
    "inspectd_verdicts_lost_total",
}
"""What a folder of pictures cannot bring about; tests of their own do, below or beside what they are of."""
WEB = """
[cameras.web.web]
direction = "up"
speed_mm_s = 1000.0
"""


@pytest.fixture(scope="module")
def line(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configuration]:
    """A daemon at work: a web with a defect and an unreadable picture, a camera for parts, one that is not there."""
    folder = tmp_path_factory.mktemp("line")
    (folder / "web").mkdir()
    for index in range(1, 9):
        picture = surface_picture(index, 100, 140)
        cv2.imwrite(str(folder / "web" / f"{index}.png"), spot(picture, 40, 60) if index == 5 else picture)
    (folder / "web" / "3.png").write_bytes(b"no picture")
    source = f"images:{folder}/web"
    cameras: dict[str, dict[str, object]] = {
        "web": {"source": source, "loop": True, "rate_hz": 20.0, "mm_per_px": 0.5},
        "station": {"source": f"{source}/1.png", "loop": True, "trigger": "software"},
        "gone": {"source": "opencv:/dev/video77", "backoff_max_s": 0.5},
    }
    configuration = Configuration(folder, bundle, cameras, extra=f'{WEB}[archive]\npath = "{folder}/archive"\n')
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(30)
        wait_until(lambda: read(configuration.metrics).which("inspectd_camera_state", "state", camera="station"), "up")
        with Controller(configuration.control) as controller:
            controller.trigger("4711", ["station"])
        yield configuration
        assert daemon.terminate() == 0, daemon.log.read_text()


def until(line: Configuration, condition: Callable[[Reading], object], what: str) -> Reading:
    """The first page of which it holds."""
    found: list[Reading] = []

    def holds() -> bool:
        found.append(read(line.metrics))
        return bool(condition(found[-1]))

    wait_until(holds, what)
    return found[-1]


def test_every_documented_metric_is_there_as_it_is_documented(line: Configuration) -> None:
    page = read(line.metrics)
    families = {family.name: family for family in page.families.values() if family.name.startswith("inspectd_")}
    assert set(families) == {metric.name.removesuffix("_total") for metric in METRICS}
    for metric in METRICS:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels == set(metric.labels), metric.name


@pytest.mark.parametrize(
    "metric",
    [metric for metric in METRICS if metric.kind != "gauge" and metric.name not in MOVED_ELSEWHERE],
    ids=lambda metric: metric.name,
)
def test_what_is_counted_moves(line: Configuration, metric: Metric) -> None:
    name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
    until(line, lambda page: page.total(name) > 0, f"{name} moves")


def test_the_page_says_what_the_journal_says(line: Configuration) -> None:
    def counted(page: Reading) -> tuple[float, ...]:
        web = {"camera": "web"}
        return (
            page.value("inspectd_verdicts_total", **web, outcome="PASS", reason=""),
            page.value("inspectd_verdicts_total", **web, outcome="FAIL", reason=""),
            page.value("inspectd_verdicts_total", **web, outcome="ERROR", reason="bad_frame"),
            page.value("inspectd_verdicts_total", camera="gone", outcome="ERROR", reason="camera_lost"),
            page.value("inspectd_part_verdicts_total", outcome="PASS", reason=""),
        )

    page = until(line, lambda page: counted(page)[-1] == 1, "the part has its verdict")
    last = page.value("inspectd_published_sequence")
    # What was published while the page was made may be in one and not in the other.
    journaled = [verdict for verdict in line.verdicts_in_journal() if verdict["sequence"] <= last]
    said = [(verdict.get("camera"), verdict["outcome"], verdict["reason"]) for verdict in journaled]
    wanted = (
        said.count(("web", "PASS", None)),
        said.count(("web", "FAIL", None)),
        said.count(("web", "ERROR", "bad_frame")),
        said.count(("gone", "ERROR", "camera_lost")),
        said.count((None, "PASS", None)),
    )
    assert all(abs(one - other) <= 2 for one, other in zip(counted(page), wanted, strict=True))
    failed = page.total("inspectd_score_ratio_count") - page.total("inspectd_score_ratio_bucket", le="1.0")
    assert abs(failed - counted(page)[1]) <= 2


def test_how_things_stand(line: Configuration, bundle: Bundle) -> None:
    page = until(
        line,
        lambda page: page.which("inspectd_camera_state", "state", camera="gone") <= {"lost", "backing_off"},
        "lost",
    )
    assert page.which("inspectd_state", "state") == {"inspecting"}
    assert page.which("inspectd_camera_state", "state", camera="web") == {"running"}
    assert page.value("inspectd_model_info", surface="tiny", bundle=bundle.path.name, runtime="onnx") == 1
    assert page.value("inspectd_threshold") == bundle.calibration.threshold
    assert page.which("inspectd_stage_alive", "stage") >= {"intake", "feeder", "collector", "deadlines", "publisher"}
    assert 0 <= page.value("inspectd_heartbeat_age_seconds") < 20
    assert page.value("inspectd_queue_limit_frames", camera="web") == 4
    assert page.value("inspectd_engine_batch_limit_tiles") == 8
    assert 0 < page.value("inspectd_journal_bytes") < page.value("inspectd_journal_limit_bytes")
    assert 0 < page.value("inspectd_journal_disk_free_bytes") < page.value("inspectd_journal_disk_bytes")
    assert page.value("inspectd_archive_failing") == 0
    assert 0 < page.value("inspectd_archive_bytes") < page.value("inspectd_archive_limit_bytes") == 10 << 30
    assert page.value("inspectd_archive_disk_free_bytes") > 0
    assert page.value("process_resident_memory_bytes") > 1 << 20


def test_the_stages_add_up_to_the_way_of_a_frame(line: Configuration) -> None:
    page = read(line.metrics)
    by_stage = {stage: page.value("inspectd_stage_seconds_sum", stage=stage) for stage in STAGE_NAMES}
    judged = page.total("inspectd_score_ratio_count")
    assert abs(page.value("inspectd_stage_seconds_count", stage="engine") - judged) <= 2
    assert all(seconds > 0 for seconds in by_stage.values())
    # Frames that were lost have a latency too, and only the last two stages.
    assert page.total("inspectd_latency_seconds_sum") == pytest.approx(sum(by_stage.values()), rel=0.2, abs=0.2)


def test_a_journal_that_cannot_be_written_shows_and_passes(line: Configuration) -> None:
    assert fetch(line.metrics, "/-/healthy") == (200, "inspecting\n")
    with sqlite3.connect(line.journal, isolation_level=None) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        try:
            page = until(line, lambda page: page.which("inspectd_state", "state") == {"journal_failing"}, "it fails")
            assert fetch(line.metrics, "/-/healthy") == (503, "the daemon is journal_failing\n")
        finally:
            intruder.execute("ROLLBACK")
    intruder.close()
    assert page.value("inspectd_journal_lag_seconds") > 0.3
    assert page.value("inspectd_journal_waiting_verdicts") > 0
    until(line, lambda page: page.which("inspectd_state", "state") == {"inspecting"}, "it has healed")


def test_an_engine_that_fails_is_counted(bundle: Bundle) -> None:
    with GatedEngine(bundle) as engine:
        line = Line(Model.of(engine, bundle))
        line.take(surface_picture(1))
        wait_until(lambda: line.drafts, "the first verdict")
        engine.fault = EngineError("out of order")
        line.finish_one(surface_picture(2))
    page = Reading(Page(line.meters.registry).text().decode())
    assert page.value("inspectd_engine_batches_total") == 1
    assert page.value("inspectd_engine_batches_failed_total") == 1


def test_lost_verdicts_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing_module, "RETRY_S", 0.0)
    path, meters, fatal = tmp_path / "journal.db", Meters(CAMERAS), list[Exception]()
    status = DaemonStatus(DaemonState.INSPECTING, "brick", "brick-0", 2.0, (), 0)
    with Journal(path, 30, 64) as journal:
        publisher = Publisher(
            local_settings(), "line-3", "boot", journal, lambda: status, on_fatal=fatal.append, meters=meters
        )
        publisher.start()
        with sqlite3.connect(path, isolation_level=None) as intruder:
            intruder.execute("BEGIN IMMEDIATE")
            publisher.submit(draft(1))
            wait_until(lambda: fatal, "the journal is given up")
            publisher.close()
            intruder.execute("ROLLBACK")
        intruder.close()
    assert Reading(Page(meters.registry).text().decode()).value("inspectd_verdicts_lost_total") == 1


def test_refused_clients_are_counted() -> None:
    meters = Meters(CAMERAS)
    meters.refused()
    assert Reading(Page(meters.registry).text().decode()).value("inspectd_clients_refused_total") == 1


def test_untriggered_frames_are_told(tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = CameraStatus(camera="web", state=CameraState.RUNNING, frames=7, restarts=0, untriggered=3)
    status = DaemonStatus(DaemonState.INSPECTING, "tiny", bundle.path.name, 2.0, (camera,), 0)
    monkeypatch.setattr("tests.inspectd.publishing.STATUS", status)
    settings = make_settings(
        {
            "model": {"bundle": bundle.path},
            "cameras": {"web": {"source": "images:/srv"}},
            "journal": {"path": tmp_path / "journal.db"},
        },
        origin="test",
    )
    meters = Meters(["web"])
    with publishing(tmp_path / "journal.db", local_settings()) as publisher:
        meters.registry.register(Standing(settings, publisher, lambda: None, lambda: None))
        wait_until(lambda: publisher.heartbeat, "the first heartbeat")
        page = Reading(Page(meters.registry).text().decode())
    assert page.value("inspectd_camera_untriggered_total", camera="web") == 3
    assert "inspectd_queue_frames" not in page.names  # the engine is still being loaded


def test_slow_clients_hold_nothing_up(line: Configuration) -> None:
    before = read(line.metrics)
    slow = [connected(line.metrics, b"GET /metrics HTTP/1.1\r\nX: ") for _ in range(40)]

    def fed_and_further(page: Reading) -> bool:
        for client in slow:
            with suppress(ConnectionError):  # those that had to make way
                client.sendall(b"x")
        return page.value("inspectd_published_sequence") > before.value("inspectd_published_sequence") + 20

    try:
        page = until(line, fed_and_further, "verdicts come")
    finally:
        for client in slow:
            client.close()
    assert page.value("process_open_fds") < before.value("process_open_fds") + CLIENTS + 8


def test_a_port_in_use_is_told(line: Configuration, bundle: Bundle, tmp_path: Path) -> None:
    second = Configuration(tmp_path, bundle, {"web": {"source": f"images:{line.folder}/web"}})
    second.path.write_text(second.path.read_text().replace(second.metrics, line.metrics))
    with RunningDaemon(second) as daemon:
        assert daemon.wait() == PublishError.exit_code
    told = daemon.log.read_text()
    assert f"metrics.address = '{line.metrics}': is in use by another program" in told
    assert "Traceback" not in told


def test_metrics_can_be_switched_off(bundle: Bundle, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), surface_picture(1))
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{tmp_path}/1.png"}})
    address = configuration.metrics
    configuration.path.write_text(configuration.path.read_text().replace(address, ""))
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(1)
        with pytest.raises(OSError, match="refused"):
            connected(address)
        assert daemon.terminate() == 0
