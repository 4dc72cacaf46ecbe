"""The labelling page, over HTTP."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("starlette", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from starlette.testclient import TestClient  # noqa: E402

from inspectd.archive import ArchiveReader, Opinion, labels  # noqa: E402
from inspectd.wire.models import Outcome, Reason  # noqa: E402
from tests.daemons import wait_until  # noqa: E402
from tests.inspectd.archive.frames import JOURNAL, filled, picture, seen  # noqa: E402
from tests.inspectd.archive.small_disk import small_disk  # noqa: E402
from tools.errors import PictureError  # noqa: E402
from tools.label.page import make_page  # noqa: E402
from tools.label.recording import Recorder  # noqa: E402
from tools.label.regression import Lesson, RegressionSet, lesson_of  # noqa: E402
from tools.pictures import read_rgb  # noqa: E402

FAIL, PASS = "2026-11-25/web/1-000000012-FAIL", "2026-11-25/web/1-000000010-PASS-sample"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Of two runs of frames: two samples, the nearest of each, two FAIL and an ERROR."""
    with filled(tmp_path / "archive", pass_every=10) as line:
        for number in range(1, 21):
            outcome = {12: Outcome.FAIL, 15: Outcome.FAIL, 16: Outcome.ERROR}.get(number, Outcome.PASS)
            score = {7: 0.8, 17: 0.95}.get(number, 0.1) if outcome is Outcome.PASS else None
            line.show(seen(number, outcome, score=score))
            wait_until(line.archive._held.empty, "copied")
    return tmp_path / "archive"


@pytest.fixture
def client(archive: Path) -> Iterator[TestClient]:
    """A browser."""
    recorder = Recorder("mara", RegressionSet(archive / "regression"))
    with TestClient(make_page(ArchiveReader(archive), recorder, ["localhost"]), "http://localhost") as browser:
        yield browser


@contextmanager
def only_files_up_to(size: int) -> Iterator[None]:
    """No file can be written beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def say(client: TestClient, entry: str, opinion: str | None) -> int:
    return client.post("/label", json={"id": entry, "opinion": opinion}).status_code


def numbers(told: dict[str, list[str]]) -> list[int]:
    return [int(entry.split("/")[2].split("-")[1]) for entry in told["ids"]]


@pytest.mark.parametrize(
    ("choice", "shown"),
    [("fail", [15, 12]), ("near", [17, 7]), ("sample", [20, 10]), ("error", [16]), ("labelled", [])],
)
def test_what_is_to_be_looked_at(client: TestClient, choice: str, shown: list[int]) -> None:
    told = client.get(f"/list?choice={choice}").json()
    assert numbers(told) == shown
    assert told["counts"] == {"fail": 2, "near": 2, "sample": 2, "error": 1}
    assert told["total"] == len(shown)


def test_the_page_and_what_it_shows_of_an_entry(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    told = client.get(f"/entry/{FAIL}").json()
    assert told["regions"] == [[8, 16, 24, 32]]
    assert (told["outcome"], told["score"], told["threshold"], told["label"]) == ("FAIL", 2.5, 1.0, None)
    shown = cv2.imdecode(np.frombuffer(client.get(f"/picture/{FAIL}").content, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert (np.asarray(shown) == picture(12)).all()
    layer = cv2.imdecode(np.frombuffer(client.get(f"/map/{FAIL}").content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert layer is not None
    assert layer.shape == (480, 640, 4)
    assert layer[0, 0, 3] == 0


def test_labels_are_written_changed_and_taken_back(client: TestClient, archive: Path) -> None:
    entry = ArchiveReader(archive).entry(FAIL)
    assert say(client, FAIL, "good") == 200
    label = entry.label()
    assert label is not None
    assert (label.opinion, label.who) == (Opinion.GOOD, "mara")
    assert numbers(client.get("/list?choice=labelled").json()) == [12]
    assert client.get("/list?choice=fail").json()["opinions"] == {FAIL: "good"}
    assert say(client, FAIL, "unsure") == 200
    assert client.get(f"/entry/{FAIL}").json()["label"]["opinion"] == "unsure"
    assert say(client, FAIL, None) == 200
    assert entry.label() is None


def test_what_was_wrong_enters_the_regression_set(client: TestClient, archive: Path) -> None:
    regression = RegressionSet(archive / "regression")
    with pytest.raises(PictureError, match="no such regression set"):
        regression.cases()
    for entry, opinion in ((FAIL, "good"), (PASS, "bad"), ("2026-11-25/web/1-000000015-FAIL", "bad")):
        assert say(client, entry, opinion) == 200
    cases = regression.cases()
    assert {case.name: (case.lesson, case.lesson.expected) for case in cases} == {
        f"2026-11-25_web_{JOURNAL}-000000010": (Lesson.MISS, Outcome.FAIL),
        f"2026-11-25_web_{JOURNAL}-000000012": (Lesson.FALSE_ALARM, Outcome.PASS),
        f"2026-11-25_web_{JOURNAL}-000000015": (Lesson.DEFECT, Outcome.FAIL),
    }
    assert cases[0].picture.read_bytes() == ArchiveReader(archive).entry(PASS).png()
    assert (cases[0].label.who, cases[0].verdict.sequence, cases[0].surface) == ("mara", 10, "brick")
    # What was right, or is taken back, is no case.
    assert say(client, PASS, "good") == 200
    assert say(client, FAIL, None) == 200
    assert [case.name for case in regression.cases()] == [f"2026-11-25_web_{JOURNAL}-000000015"]
    assert len(list(regression.path.iterdir())) == 2


def test_two_lines_share_a_regression_set(tmp_path: Path) -> None:
    regression = RegressionSet(tmp_path / "regression")
    recorder = Recorder("mara", regression)
    shown = {"aaaaaaaaaaaaaaaa": picture(1), "bbbbbbbbbbbbbbbb": picture(2)}
    entries = {}
    for journal, pixels in shown.items():
        with filled(tmp_path / journal) as line:
            line.show(seen(12, pixels=pixels, journal=journal))
        (entries[journal],) = line.entries()
        recorder.record(entries[journal], Opinion.BAD)
    assert len({entry.id for entry in entries.values()}) == 1, "they are called the same, or this shows nothing"
    cases = regression.cases()
    assert [case.verdict.journal for case in cases] == list(shown)
    for case in cases:
        assert (read_rgb(case.picture) == shown[case.verdict.journal]).all()
    recorder.record(entries["aaaaaaaaaaaaaaaa"], None)
    assert [case.verdict.journal for case in regression.cases()] == ["bbbbbbbbbbbbbbbb"]


def test_a_full_disk_is_told_and_nothing_was_said(client: TestClient, archive: Path) -> None:
    entry = ArchiveReader(archive).entry(FAIL)
    assert say(client, FAIL, "bad") == 200
    with only_files_up_to(50):  # bytes: too little for a label
        answer = client.post("/label", json={"id": FAIL, "opinion": "good"})
    assert answer.status_code == 500
    problem = answer.json()["problem"]
    assert "FAIL.label.json: cannot be written: File too large; make room on its disk, then label" in problem
    label = entry.label()
    assert label is not None
    assert label.opinion is Opinion.BAD
    assert not list(archive.rglob(".labelling-*"))


def test_a_label_that_the_disk_does_not_confirm_was_not_said(
    client: TestClient, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(directory: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(directory))

    monkeypatch.setattr(labels, "sync_directory", failing)
    assert say(client, FAIL, "good") == 500
    assert ArchiveReader(archive).entry(FAIL).label() is None


@pytest.mark.parametrize("before", [None, "unsure"])
def test_where_the_regression_set_has_no_room_nothing_was_said(
    archive: Path, tmp_path: Path, before: str | None
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        regression = RegressionSet(disk / "regression")
        page = make_page(ArchiveReader(archive), Recorder("mara", regression), ["localhost"])
        with TestClient(page, "http://localhost") as client:
            assert say(client, FAIL, before) == 200
            (disk / "somebody-elses").write_bytes(bytes(3 << 20 - 12))
            with suppress(OSError), (disk / "the-rest").open("wb", buffering=0) as rest:
                while True:
                    rest.write(bytes(4096))
            answer = client.post("/label", json={"id": FAIL, "opinion": "good"})
            assert answer.status_code == 500
            assert "cannot be written: No space left on device; make room on its disk" in answer.json()["problem"]
            label = ArchiveReader(archive).entry(FAIL).label()
            assert (label and label.opinion) == before
            assert [file for file in regression.path.iterdir() if file.is_file()] == []
            (disk / "the-rest").unlink()
            assert say(client, FAIL, "good") == 200
            assert len(regression.cases()) == 1


def test_a_frame_without_a_picture_is_told_as_what_it_is(tmp_path: Path) -> None:
    with filled(tmp_path) as line:
        line.show(seen(1, Outcome.ERROR, reason=Reason.BAD_FRAME, without_picture=True))
    page = make_page(ArchiveReader(tmp_path), Recorder("mara", RegressionSet(tmp_path / "set")), ["localhost"])
    with TestClient(page, "http://localhost") as client:
        (entry,) = client.get("/list?choice=error").json()["ids"]
        told = client.get(f"/entry/{entry}").json()
        assert (told["has_picture"], told["reason"], told["detail"]) == (False, "bad_frame", "why it is bad_frame")
        assert client.get(f"/picture/{entry}").status_code == 404
        assert say(client, entry, "unsure") == 200


def test_label_and_case_agree_whoever_says_what_at_once(archive: Path) -> None:
    entry, regression = ArchiveReader(archive).entry(FAIL), RegressionSet(archive / "regression")
    recorder = Recorder("mara", regression)
    said = [Opinion.GOOD, Opinion.BAD] * 20
    with ThreadPoolExecutor(4) as people:
        list(people.map(lambda opinion: recorder.record(entry, opinion), said))
    label, (case,) = entry.label(), regression.cases()
    assert label == case.label
    assert case.lesson is lesson_of(Outcome.FAIL, case.label.opinion)


def test_an_entry_that_was_removed_is_told(client: TestClient, archive: Path) -> None:
    for file in ArchiveReader(archive).entry(FAIL).directory.glob("1-000000012*"):
        file.unlink()
    for answer in (client.get(f"/entry/{FAIL}"), client.post("/label", json={"id": FAIL, "opinion": "good"})):
        assert answer.status_code == 404
        assert "not in the archive" in answer.json()["problem"]


@pytest.mark.parametrize(
    "entry",
    ["../../etc/passwd", "2026-11-25/../web/1-000000012-FAIL", "regression/x", "2026-11-25/web/archive", "", "a" * 999],
)
def test_nothing_but_entries_can_be_asked_for(client: TestClient, entry: str) -> None:
    assert client.get(f"/picture/{entry}").status_code == 404
    assert say(client, entry, "good") == 404


def test_no_other_page_can_use_it(client: TestClient) -> None:
    assert client.get("/list", headers={"Host": "evil.example"}).status_code == 400
    body = f'{{"id": "{FAIL}", "opinion": "good"}}'
    assert client.post("/label", content=body, headers={"Content-Type": "text/plain"}).status_code == 415
    assert client.get("/list?choice=labelled").json()["ids"] == []


@pytest.mark.parametrize(
    ("body", "status"), [("", 400), ("{}", 400), ('{"id": 3, "opinion": "good"}', 400), ("x" * 10_000, 413)]
)
def test_nonsense_is_refused(client: TestClient, body: str, status: int) -> None:
    assert client.post("/label", content=body, headers={"Content-Type": "application/json"}).status_code == status
    assert client.get("/list?choice=everything").status_code == 400
