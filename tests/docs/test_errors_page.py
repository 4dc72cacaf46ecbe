"""docs/errors.md has a section for every reason that a verdict can be ERROR, and every exit code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

import inspectd.errors
import tools.errors
from inspectd.settings import AravisCamera, ImagesCamera, OpencvCamera, Settings
from inspectd.wire.models import CameraState, DaemonState, Reason
from tools.cli import INTERRUPTED
from tools.docs.settings_page import SECTIONS
from tools.docs.tables import member_docs

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
SECTION = re.compile(r"^## `(\w+)`\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)


def exit_codes(error: type[Exception]) -> Iterator[int]:
    """Of an exception and everything below it."""
    yield error.exit_code  # type: ignore[attr-defined]  # both trees declare it at their roots
    for below in error.__subclasses__():
        yield from exit_codes(below)


def test_every_reason_has_its_section_and_its_row() -> None:
    sections = dict(SECTION.findall(PAGE))
    assert list(sections) == sorted(Reason)
    assert re.findall(r"^\| \[`(\w+)`\]\(#(\w+)\) ", PAGE, re.MULTILINE) == [(reason, reason) for reason in sections]


@pytest.mark.parametrize("reason", Reason)
def test_a_section_begins_with_what_the_reason_means(reason: Reason) -> None:
    told = " ".join(dict(SECTION.findall(PAGE))[reason].split())
    meaning = member_docs(Reason)[reason].partition(";")[0].rstrip(".")
    assert told.startswith(meaning)


def test_every_exit_code_is_told_and_no_other() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \| ", PAGE, re.MULTILINE)}
    raised = {*exit_codes(inspectd.errors.InspectdError), *exit_codes(tools.errors.ToolsError)}
    assert told == {0, 2, INTERRUPTED, *raised}


@pytest.mark.parametrize(("head", "states"), [("camera", CameraState), ("daemon", DaemonState)])
def test_every_state_is_told_and_no_other(head: str, states: type[CameraState] | type[DaemonState]) -> None:
    table = PAGE.partition(f"| {head} | meaning |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(states)


def test_every_setting_that_is_named_exists() -> None:
    told_elsewhere = {*Reason, *CameraState, *DaemonState, "usbfs_memory_mb", "inspectd_stage_seconds"}
    models: list[type[BaseModel]] = [Settings, *SECTIONS.values(), AravisCamera, ImagesCamera, OpencvCamera]
    known = {key for model in models for key in model.model_fields}
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", PAGE)) - told_elsewhere
    assert named <= known
