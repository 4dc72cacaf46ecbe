"""The labelling page in a real browser, by its keys."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the training extra is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here (Debian: apt-get install chromium)"),
]

import uvicorn  # noqa: E402

from inspectd.archive import ArchiveReader  # noqa: E402
from inspectd.wire.models import Outcome  # noqa: E402
from tests.daemons import free_port, wait_until  # noqa: E402
from tests.inspectd.archive.frames import filled, seen  # noqa: E402
from tools.label.page import make_page  # noqa: E402
from tools.label.recording import Recorder  # noqa: E402
from tools.label.regression import RegressionSet  # noqa: E402


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three FAIL and a sample."""
    with filled(tmp_path / "archive", pass_every=10) as line:
        for number in (1, 2, 3, 10):
            line.show(seen(number, Outcome.PASS if number == 10 else Outcome.FAIL))
    return tmp_path / "archive"


@pytest.fixture
def address(archive: Path) -> Iterator[str]:
    """Where the page is served."""
    page = make_page(ArchiveReader(archive), Recorder("mara", RegressionSet(archive / "regression")), ["127.0.0.1"])
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(page, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "it is served")
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


def labels(archive: Path) -> dict[int, str]:
    found = ((entry.name.sequence, entry.label()) for entry in ArchiveReader(archive).entries())
    return {number: str(label.opinion) for number, label in found if label is not None}


def test_a_person_labels_by_the_keyboard(archive: Path, address: str) -> None:
    problems: list[str] = []
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.goto(address)
        progress = page.locator("#progress")
        for key, shown in (("g", "2 / 3 · 1 labelled"), ("b", "3 / 3 · 2 labelled"), ("z", "2 / 3 · 1 labelled")):
            page.wait_for_selector("#sheet:not([hidden])")
            assert page.evaluate("document.getElementById('picture').decode().then(() => 'shown')") == "shown"
            page.keyboard.press(key)
            sync_api.expect(progress).to_have_text(shown)
        assert labels(archive) == {3: "good"}
        page.keyboard.press("s")
        sync_api.expect(progress).to_have_text("3 / 3 · 1 labelled")
        page.keyboard.press("3")
        sync_api.expect(page.locator("#facts")).to_contain_text("PASS-sample")
        page.get_by_role("button", name="bad").click()
        sync_api.expect(page.locator("#empty")).to_have_text("That was the last one.")
        browser.close()
    assert labels(archive) == {3: "good", 10: "bad"}
    assert [case.lesson for case in RegressionSet(archive / "regression").cases()] == ["false alarm", "miss"]
    assert problems == []


def test_nothing_is_said_of_a_picture_that_is_not_there_yet(archive: Path, address: str) -> None:
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.route("**/picture/**", lambda _: None)  # not answered
        with page.expect_request("**/picture/**"):
            page.goto(address)
        page.keyboard.press("b")
        page.wait_for_timeout(300)
        assert labels(archive) == {}
        page.unroute("**/picture/**")  # lets the one go on that waits
        page.wait_for_selector("#sheet:not([hidden])")
        page.keyboard.press("b")
        sync_api.expect(page.locator("#progress")).to_have_text("2 / 3 · 1 labelled")
        browser.close()
    assert labels(archive) == {3: "bad"}
