"""The viewer over HTTP: a real process, with real sockets before it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from inspectd.viewer.sources import Sources
from inspectd.wire.models import Outcome, Reason
from tests.daemons import free_port, wait_until
from tests.inspectd.viewer.serving import enter, served, state
from tests.inspectd.viewer.showing import ShownLine, showing

NOWHERE = Sources(f"tcp://127.0.0.1:{free_port()}", "", "", "", control="", keys=None)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[ShownLine]:
    with showing(tmp_path / "journal.db", ("web", "edge")) as shown:
        yield shown


def test_a_page_gets_verdicts_pictures_and_maps(line: ShownLine, tmp_path: Path) -> None:
    with served(line.sources, tmp_path) as browser:
        wait_until(lambda: line.previews.wants_pictures, "the subscription")
        line.show(Outcome.FAIL, "web")
        wait_until(lambda: shown(browser, "web"), "a picture")
        name, said = address(browser, "web")
        number = said["sequence"]
        assert (said["outcome"], said["regions"][0]["width_mm"]) == ("FAIL", 20.0)
        assert browser.get(f"/verdicts/{number}").json()["score"] == said["score"]
        assert decoded(browser.get(f"/pictures/{name}.jpg")).shape[:2] == (480, 640)
        wait_until(lambda: shown(browser, "web")["heat"], "its map")
        heat = decoded(browser.get(f"/maps/{name}.png"))
        assert heat.shape == (60, 80, 4)
        assert heat[20, 13, 3] > 100  # in the region
        assert heat[50, 70, 3] == 0


def test_what_was_said_before_is_there(line: ShownLine, tmp_path: Path) -> None:
    for _ in range(30):
        line.show()
    assert line.publisher.flush(20)
    with served(line.sources, tmp_path) as browser:
        wait_until(lambda: len(state(browser)["verdicts"]) == 30, "the past")
        line.show_part("4711")
        wait_until(lambda: state(browser)["verdicts"][-1]["kind"] == "part", "the part")


def test_updates_come_by_themselves(line: ShownLine, tmp_path: Path) -> None:
    with served(line.sources, tmp_path) as browser, browser.stream("GET", "/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        updates = (json.loads(text[6:]) for text in stream.iter_lines() if text.startswith("data: "))
        assert next(updates)["whole"]
        line.show(Outcome.ERROR, reason=Reason.DEADLINE, detail="too slow")
        told = next(update for update in updates if update["line"]["condition"]["headline"] == "ERROR deadline")
        assert told["line"]["condition"]["level"] == "alarm"
        assert not told["whole"]


def test_a_number_of_another_journal_is_another_address(tmp_path: Path) -> None:
    places = ("verdicts", "maps", "pictures", "replay")
    addresses = {place: f"tcp://127.0.0.1:{free_port()}" for place in places}
    with served(Sources(**addresses, control="", keys=None), tmp_path) as browser:
        names: list[str] = []
        for journal in ("first.db", "second.db"):
            with showing(tmp_path / journal, ("web",), **addresses) as line:
                wait_until(lambda: line.previews.wants_pictures, "the subscription")
                wait_until(lambda: heard_anew(browser, names), "its heartbeat")
                line.show(Outcome.FAIL)
                wait_until(lambda: shown(browser, "web"), "a picture")
                name, said = address(browser, "web")
                assert said["sequence"] == 1
                answer = browser.get(f"/pictures/{name}.jpg")
                assert "immutable" in answer.headers["cache-control"]
                names.append(name)
        assert names[0] != names[1]
        gone = browser.get(f"/pictures/{names[0]}.jpg")
        assert (gone.status_code, gone.headers["cache-control"]) == (404, "no-store")


def heard_anew(browser: httpx.Client, names: list[str]) -> bool:
    """Whether a heartbeat came of another daemon than those which `names` are of."""
    beat = state(browser)["line"]["beat"]
    return beat is not None and not any(name.startswith(beat["boot"]) for name in names)


def test_silence_is_told(tmp_path: Path) -> None:
    with served(NOWHERE, tmp_path) as browser:
        condition = state(browser)["line"]["condition"]
        assert (condition["level"], condition["headline"]) == ("alarm", "Nothing heard yet")
        assert NOWHERE.verdicts in condition["detail"]


def test_what_is_no_longer_kept_is_not_found(tmp_path: Path) -> None:
    with served(NOWHERE, tmp_path) as browser:
        for path in ("/pictures/b/web/9.jpg", "/maps/b/web/9.png", "/verdicts/9", "/page/main.py", "/page/..%2fapp.py"):
            assert browser.get(path).status_code == 404, path


# Who may


def test_without_a_token_nothing_can_be_done(tmp_path: Path) -> None:
    with served(NOWHERE, tmp_path) as browser:
        assert browser.get("/session").json() == {"look": True, "act": False, "token": False, "orders": False}
        assert enter(browser).status_code == 401
        assert browser.post("/orders/trigger", json={"part": "1"}).status_code == 401


def test_with_the_token_the_daemon_is_asked(line: ShownLine, tmp_path: Path) -> None:
    with served(line.sources, tmp_path, token=True) as browser:
        assert browser.post("/orders/trigger", json={"part": "4711"}).status_code == 401
        assert enter(browser, "wrong-horse-battery-staple").status_code == 401
        assert enter(browser).json()["orders"]
        assert browser.get("/orders").json()["model"]["most_threshold"] == 2.0
        by = {"who": "Ada", "why": "too many false alarms"}
        assert browser.post("/orders/trigger", json={"part": "4711"}).json()["part"] == "4711"
        assert browser.post("/orders/threshold", json={"value": 1.5, **by}).json()["state"] == "done"
        assert browser.post("/orders/undo", json=by).status_code == 200
        assert browser.post("/orders/rollback", json=by).status_code == 200
        asked = [request.request for request in line.asked if request.request != "status"]
        assert asked == ["trigger", "threshold", "undo", "rollback"]
        assert browser.post("/orders/trigger", json={"part": ""}).status_code == 422
        assert browser.post("/orders/threshold", json={"value": 1.5}).status_code == 422
        assert browser.post("/orders/stop", json={}).status_code == 404
        browser.request("DELETE", "/session", json={})
        assert browser.post("/orders/trigger", json={"part": "4712"}).status_code == 401


def test_from_elsewhere_the_token_is_wanted_to_look(tmp_path: Path) -> None:
    with served(NOWHERE, tmp_path, token=True, host="0.0.0.0") as browser:  # noqa: S104 - that is the test
        for path in ("/state", "/events", "/verdicts/1", "/pictures/b/web/1.jpg", "/maps/b/web/1.png"):
            assert browser.get(path).status_code == 401, path
        assert enter(browser).status_code == 200
        cookie = next(iter(browser.cookies.jar))
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "strict"
        assert browser.get("/state").status_code == 200


def test_open_to_everybody_only_where_somebody_says_so(tmp_path: Path) -> None:
    refused = view("--listen", "0.0.0.0:8080")
    assert refused.returncode == 78
    assert "--token-file" in refused.stderr
    with served(NOWHERE, tmp_path, "--insecure", host="0.0.0.0") as browser:  # noqa: S104 - that is the test
        assert browser.get("/state").status_code == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--listen", "8080"), "write it as in '127.0.0.1:8080'"),
        (("--token-file", "/nowhere"), "No such file"),
        (("--verdicts", "line3"), "is not an address"),
    ],
)
def test_what_cannot_be_used_is_said(options: tuple[str, ...], words: str) -> None:
    run = view(*options)
    assert run.returncode != 0
    assert words in run.stderr


def test_a_short_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("1234")
    run = view("--token-file", str(tmp_path / "token"))
    assert run.returncode == 78
    assert "openssl rand" in run.stderr


def test_a_name_that_leads_here_from_elsewhere_is_refused(tmp_path: Path) -> None:
    with served(NOWHERE, tmp_path, "--host", "line-3.plant") as browser:
        for strange in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example", ""):
            assert browser.get("/state", headers={"Host": strange}).status_code in {400, 403}, strange
        for known in ("localhost", "LOCALHOST:99", "[::1]:8080", "10.1.2.3", "line-3.plant:8080"):
            assert browser.get("/state", headers={"Host": known}).status_code == 200, known


def test_what_another_page_asks_is_refused(tmp_path: Path) -> None:
    with served(NOWHERE, tmp_path, token=True) as browser:
        assert enter(browser).status_code == 200
        order = json.dumps({"part": "1"})
        for headers in ({"Origin": "http://evil.example"}, {"Origin": ""}, {"Content-Type": "text/plain"}):
            asked = browser.post(
                "/orders/trigger", content=order, headers={"Content-Type": "application/json", **headers}
            )
            assert asked.status_code == 403, headers
        too_long = browser.post("/orders/trigger", json={"part": "x" * 5000})
        assert too_long.status_code == 403


def test_the_browser_is_told_to_run_nothing_else(tmp_path: Path) -> None:
    with served(NOWHERE, tmp_path) as browser:
        for path in ("/", "/page/main.js", "/state", "/nowhere"):
            headers = browser.get(path).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert "server" not in headers


def view(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inspectd.cli", "view", "--listen", f"127.0.0.1:{free_port()}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def shown(browser: httpx.Client, camera: str) -> dict[str, Any]:
    cameras = {one["camera"]: one for one in state(browser)["cameras"]}
    told: dict[str, Any] = cameras.get(camera, {}).get("shown") or {}
    return told


def address(browser: httpx.Client, camera: str) -> tuple[str, dict[str, Any]]:
    """What names the picture that is shown, and its verdict."""
    number = shown(browser, camera)["sequence"]
    said: dict[str, Any] = next(one for one in state(browser)["verdicts"] if one["sequence"] == number)
    return f"{said['boot']}/{camera}/{number}", said


def decoded(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)
