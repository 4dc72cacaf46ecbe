"""The page in a real Chromium, on a real line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from inspectd.wire.models import CameraState, DaemonState, Outcome, Reason
from tests.inspectd.publishing import draft
from tests.inspectd.viewer.serving import TOKEN, served
from tests.inspectd.viewer.showing import HEIGHT, REGION, WIDTH, ShownLine, showing

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DESKTOP, TABLET = ViewportSize(width=1280, height=800), ViewportSize(width=820, height=1180)
GRAVE = {"serious", "critical"}

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium; install it with tools/setup/debian-packages.sh --tests"
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Without its sandbox, which root may not have: it shows our own page alone.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShownLine]:
    with showing(tmp_path_factory.mktemp("line") / "journal.db", ("left", "right")) as shown:
        yield shown


@pytest.fixture(scope="module")
def address(line: ShownLine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(line.sources, tmp_path_factory.mktemp("view"), token=True) as browser:
        yield str(browser.base_url)


@pytest.fixture
def page(chromium: Browser, address: str, line: ShownLine) -> Iterator[Page]:
    """The page as it opens; that nothing went wrong on it is seen to at the end."""
    line.state = DaemonState.INSPECTING
    context = chromium.new_context(viewport=DESKTOP, has_touch=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda said: wrong.append(said.text) if said.type in {"error", "warning"} and "401" not in said.text else None,
    )
    page.goto(address)
    yield page
    context.close()
    # What Chromium says of a wrong token, which a test enters.
    assert [
        said for said in wrong if not said.startswith(("verbose", "debug")) and "401 (Unauthorized)" not in said
    ] == []


CLEAR = "rgba(0, 0, 0, 0)"
"""A badge without a colour of its own."""


def show_pass(line: ShownLine, page: Page, camera: str) -> Locator:
    """A PASS, again and again until it is in the tile that is given back."""
    badge = page.locator(".tile", has_text=camera).locator(".badge")
    for _ in range(50):
        line.show(Outcome.PASS, camera)
        page.wait_for_timeout(200)
        if badge.text_content() == "PASS":
            return badge
    raise AssertionError("no PASS on the page")


def show_defect(line: ShownLine, page: Page, camera: str = "left") -> None:
    """A defect, again and again until it is on the page, for previews begin with the first who looks."""
    for _ in range(50):
        line.show(Outcome.FAIL, camera)
        page.wait_for_timeout(200)
        if page.locator(".tile .region").count():
            return
    raise AssertionError("no defect on the page")


def test_a_defect_is_seen_with_its_size_and_its_map(page: Page, line: ShownLine) -> None:
    show_defect(line, page)
    tile = page.locator(".tile", has_text="left")
    expect(tile.locator(".badge")).to_have_text("FAIL")
    expect(tile.locator(".region").first).to_contain_text("20.0 × 12.0 mm")
    expect(tile.locator("img.heat")).to_be_visible()
    page.get_by_role("button", name="Map").click()
    expect(tile.locator("img.heat")).to_be_hidden()
    page.get_by_role("button", name="Map").click()
    expect(page.locator("#detail .said")).to_contain_text("FAIL")
    expect(page.locator("#detail td").first).to_have_text("20.0 × 12.0 mm")


def test_labels_of_defects_at_the_edge_are_whole(page: Page, line: ShownLine) -> None:
    corners = [(x, y) for x in (0, WIDTH - 16) for y in (0, HEIGHT - 16)]
    regions = tuple(REGION.model_copy(update={"x": x, "y": y, "width": 16, "height": 16}) for x, y in corners)
    tile = page.locator(".tile", has_text="left")
    labels = tile.locator(".region span")
    for _ in range(50):
        line.show(Outcome.FAIL, "left", regions=regions)
        page.wait_for_timeout(200)
        if tile.locator(".region").count() == len(regions):
            break
    frame = tile.locator(".frame").bounding_box()
    assert frame is not None
    boxes = [box for box in (label.bounding_box() for label in labels.all()) if box is not None]
    assert len(boxes) >= 2
    for box in boxes:
        assert frame["x"] <= box["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
        assert frame["y"] <= box["y"]
        assert box["y"] + box["height"] <= frame["y"] + frame["height"]


def test_the_strip_moves_and_a_verdict_can_be_chosen(page: Page, line: ShownLine) -> None:
    expect(page.locator("#condition")).to_have_class("ok")
    before = page.locator(".cell.PASS").count()
    for _ in range(6):
        line.show(Outcome.PASS, "right")
    expect(page.locator(".cell.PASS")).to_have_count(before + 6)
    page.locator(".cell.PASS").last.click()
    expect(page.locator("#detail-title")).to_have_text("Chosen verdict")
    expect(page.locator("#detail .said")).to_contain_text("PASS")
    expect(page.locator(".cell[aria-current=true]")).to_have_count(1)
    page.get_by_role("button", name="Follow").click()
    expect(page.locator("#detail-title")).not_to_have_text("Chosen verdict")


def test_a_verdict_keeps_its_place(page: Page, line: ShownLine) -> None:
    line.show(Outcome.FAIL, "right")
    assert line.publisher.flush(20)
    cell = page.get_by_label(f"FAIL, verdict {line.publisher.latest}", exact=True)
    expect(cell).to_be_visible()
    place = cell.bounding_box()
    for _ in range(5):
        line.show(Outcome.PASS, "right")
    page.wait_for_timeout(600)
    assert cell.bounding_box() == place


def test_an_error_is_loud(page: Page, line: ShownLine) -> None:
    line.show(Outcome.ERROR, "left", reason=Reason.DEADLINE, detail="the engine is too slow")
    expect(page.locator("#condition")).to_have_class("alarm")
    expect(page.locator("#headline")).to_have_text("ERROR deadline")
    tile = page.locator(".tile", has_text="left")
    expect(tile.locator(".badge")).to_have_text("ERROR")
    expect(tile.locator(".words")).to_contain_text("the engine is too slow")
    for _ in range(10):  # some of which are shown
        line.show(Outcome.PASS, "left")
        page.wait_for_timeout(400)
    expect(tile.locator(".badge")).to_have_text("PASS")
    expect(tile.locator(".words")).to_be_hidden()


def test_draining_is_told(page: Page, line: ShownLine) -> None:
    line.state = DaemonState.DRAINING
    expect(page.locator("#headline")).to_have_text("Draining")
    assert page.locator("#condition").get_attribute("class") in {"warning", "alarm"}


def test_a_camera_that_is_lost_says_so(page: Page, line: ShownLine) -> None:
    line.ill = "right"
    try:
        tile = page.locator(".tile", has_text="right")
        expect(tile.locator(".state")).to_have_text(CameraState.LOST)
        expect(tile.locator(".words")).to_contain_text("no such device")
        expect(tile.locator(".badge")).to_have_text("–")  # no PASS, of whatever frame
    finally:
        line.ill = None


def test_a_verdict_of_a_while_ago_does_not_look_like_one_of_now(page: Page, line: ShownLine) -> None:
    line.show(Outcome.PASS, "right")
    tile = page.locator(".tile", has_text="right")
    expect(tile.locator(".state")).to_have_text("")
    for _ in range(12):  # the other camera goes on
        line.show(Outcome.PASS, "left")
        page.wait_for_timeout(500)
    expect(tile.locator(".state")).to_have_text(re.compile(r"^\d+ s ago$"))
    expect(tile).to_have_class(re.compile(r"\bold\b"))


def test_a_picture_of_a_while_ago_does_not_look_like_one_of_now(page: Page, line: ShownLine) -> None:
    show_pass(line, page, "right")
    tile = page.locator(".tile", has_text="right")
    for _ in range(14):  # verdicts go on, pictures do not
        line.publisher.submit(draft(1, camera="right", outcome=Outcome.FAIL))
        page.wait_for_timeout(500)
    expect(tile.locator(".state")).to_have_text(re.compile(r"^\d+ s ago$"))
    expect(tile).to_have_class(re.compile(r"\bold\b"))
    expect(tile.locator(".badge")).to_have_css("background-color", CLEAR)


def test_with_the_token_parts_are_triggered_and_the_threshold_is_moved(page: Page, line: ShownLine) -> None:
    expect(page.locator("#actions")).to_be_hidden()
    page.get_by_role("button", name="Unlock").click()
    page.get_by_role("textbox", name="Token").fill("a wrong one, of some length")
    page.get_by_role("button", name="Enter").click()
    expect(page.locator("#token-problem")).to_have_text("That is not the token.")
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("button", name="Enter").click()
    page.get_by_label("Part").fill("4711")
    page.get_by_role("button", name="Trigger").click()
    expect(page.locator("#actions")).to_contain_text("Part 4711: its verdict follows")
    page.get_by_label("Threshold", exact=True).fill("1.25")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Why").fill("too many false alarms")
    page.get_by_role("button", name="Move threshold").click()
    expect(page.locator("#actions")).to_contain_text("The threshold is moved.")
    assert [request.request for request in line.asked if request.request != "status"] == ["trigger", "threshold"]
    assert axe_faults(page) == []
    page.get_by_role("button", name="Lock").click()
    expect(page.locator("#actions")).to_be_hidden()


def axe_faults(page: Page) -> list[tuple[str, str]]:
    found = Axe().run(page).response["violations"]
    return [(fault["id"], fault["nodes"][0]["html"]) for fault in found if fault["impact"] in GRAVE]


@pytest.mark.parametrize("viewport", [DESKTOP, TABLET], ids=["desktop", "tablet"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nobody_is_shut_out(page: Page, line: ShownLine, viewport: ViewportSize, scheme: str) -> None:
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
    page.set_viewport_size(viewport)
    show_defect(line, page)
    assert axe_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = page.evaluate(
        "[...document.querySelectorAll('button:not(.cell), input')].filter((one) => one.offsetParent)"
        ".filter((one) => one.offsetHeight < 44 || one.offsetWidth < 44).map((one) => one.outerHTML)"
    )
    assert small == []


def test_silence_is_an_alarm_and_speech_ends_it(chromium: Browser, tmp_path: Path) -> None:
    with showing(tmp_path / "journal.db") as line, served(line.sources, tmp_path) as browser:
        page = chromium.new_page(viewport=DESKTOP)
        page.goto(str(browser.base_url))
        expect(page.locator("#condition")).to_have_class("ok")
        badge = show_pass(line, page, "web")
        line.publisher.close()
        expect(page.locator("#headline")).to_have_text("Nothing heard", timeout=10_000)
        expect(page.locator("body")).to_have_class("alarm stale")
        expect(badge).to_have_css("background-color", CLEAR)
        page.close()


def test_a_viewer_that_is_gone_is_an_alarm_and_it_is_found_again(
    chromium: Browser, line: ShownLine, tmp_path: Path
) -> None:
    page = chromium.new_page(viewport=DESKTOP)
    with served(line.sources, tmp_path) as browser:
        address = str(browser.base_url)
        page.goto(address)
        expect(page.locator("#condition")).to_have_class("ok")
        badge = show_pass(line, page, "left")
    expect(page.locator("#headline")).to_have_text("No connection", timeout=10_000)
    expect(badge).to_have_css("background-color", CLEAR)
    port = address.rstrip("/").rpartition(":")[2]
    with served(line.sources, tmp_path, port=int(port)):
        expect(page.locator("#condition")).to_have_class("ok", timeout=20_000)
        expect(badge).to_have_text("–")  # the new viewer has seen no picture yet
    page.close()
