from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

PROGRAM = """
import logging, sys, warnings
import structlog
log = structlog.get_logger("inspectd.early")  # as modules do, before anything is set up
from inspectd.log import configure
configure(sys.argv[1], sys.argv[2])
log.debug("not wanted")
log.info("frame taken", camera="web", number=3, path="Grün")
logging.getLogger("thirdparty").warning("low on %s", "paper")
try:
    {}["missing"]
except KeyError:
    log.exception("cannot go on")
"""


def run(level: str, form: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, level, form], capture_output=True, text=True, check=True)


def json_lines(level: str, form: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(level, form).stderr.splitlines()]


def test_off_a_terminal_every_line_is_json() -> None:
    taken, foreign, failed = json_lines("info", "auto")
    assert taken["event"] == "frame taken"
    assert taken["level"] == "info"
    assert taken["logger"] == "inspectd.early"
    assert (taken["camera"], taken["number"], taken["path"]) == ("web", 3, "Grün")
    assert foreign["event"] == "low on paper"
    assert (foreign["level"], foreign["logger"]) == ("warning", "thirdparty")
    assert failed["event"] == "cannot go on"
    assert failed["exception"][0]["exc_type"] == "KeyError"


def test_times_are_utc() -> None:
    stamp = datetime.fromisoformat(json_lines("info", "json")[0]["timestamp"])
    assert stamp.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - stamp) < timedelta(minutes=5)


def test_the_level_holds_back_what_is_below() -> None:
    assert [line["level"] for line in json_lines("warning", "json")] == ["warning", "error"]
    assert [line["level"] for line in json_lines("debug", "json")] == ["debug", "info", "warning", "error"]


def test_nothing_goes_to_standard_output() -> None:
    assert run("debug", "auto").stdout == ""


def test_console_lines_are_plain_where_there_is_no_terminal() -> None:
    told = run("info", "console").stderr
    assert "frame taken" in told
    assert "camera=web" in told
    assert "\x1b[" not in told


def test_on_a_terminal_lines_are_for_people_in_colour() -> None:
    controller, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    try:
        subprocess.run(
            [sys.executable, "-c", PROGRAM, "info", "auto"],
            stderr=terminal,
            check=True,
            env={**environment, "TERM": "xterm"},
        )
        told = os.read(controller, 100_000).decode()
    finally:
        os.close(terminal)
        os.close(controller)
    assert "frame taken" in told
    assert "\x1b[" in told
    assert not told.lstrip().startswith("{")
