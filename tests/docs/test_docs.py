"""The documentation says what the code does: generated pages are up to date, and every example works."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import IO, Any

import jsonschema
import pytest
from pydantic import BaseModel

from inspectd.client import replay
from inspectd.publisher import Publisher
from inspectd.settings import AravisCamera, ImagesCamera, OpencvCamera, Settings, make_settings
from inspectd.wire.models import (
    ActivateRequest,
    Change,
    ChangeAccepted,
    ControlError,
    DrainAccepted,
    DrainRequest,
    EncoderAccepted,
    EncoderRequest,
    Heartbeat,
    MapHeader,
    Models,
    Outcome,
    PartVerdict,
    PictureHeader,
    Reason,
    ReplayEnd,
    ReplayError,
    ReplayPage,
    ReplayRequest,
    ShadowRequest,
    Status,
    StatusRequest,
    ThresholdRequest,
    TriggerAccepted,
    TriggerRequest,
    Verdict,
)
from tests.inspectd.publishing import draft, local_settings, publishing
from tools.docs.examples import EXAMPLES
from tools.docs.pages import ROOT, filled, pages
from tools.docs.settings_page import CAMERAS, SECTIONS, TABLES

DOCS = ROOT / "docs"
SUBSCRIBER = DOCS / "examples" / "subscriber.py"
WIRE_MODELS: dict[str, type[BaseModel]] = {
    "verdict": Verdict,
    "part": PartVerdict,
    "change": Change,
    "trigger_accepted": TriggerAccepted,
    "encoder_accepted": EncoderAccepted,
    "status": Status,
    "models": Models,
    "change_accepted": ChangeAccepted,
    "drain_accepted": DrainAccepted,
    "control_error": ControlError,
    "heartbeat": Heartbeat,
    "map": MapHeader,
    "picture": PictureHeader,
    "replay_end": ReplayEnd,
    "replay_error": ReplayError,
    "replay_page": ReplayPage,
}
REQUESTS: dict[str, type[BaseModel]] = {
    "trigger": TriggerRequest,
    "encoder": EncoderRequest,
    "activate": ActivateRequest,
    "threshold": ThresholdRequest,
    "drain": DrainRequest,
    "shadow": ShadowRequest,
    "replay": ReplayRequest,
    "status": StatusRequest,
}


def code_blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DOCS / "wire.schema.json").read_text())
    return loaded


@pytest.mark.parametrize("path", list(pages()), ids=lambda path: path.name)
def test_generated_pages_are_up_to_date(path: Path) -> None:
    assert path.read_text() == pages()[path], "run: python -m tools.docs"


def test_a_part_that_no_template_asks_for_is_noticed() -> None:
    with pytest.raises(ValueError, match="does not ask for"):
        filled("settings", {"new-section": ""})


def test_every_setting_is_in_a_table() -> None:
    text = (DOCS / "settings.md").read_text()
    assert set(SECTIONS) | {"cameras", "publisher", "drain_s"} == set(Settings.model_fields)
    for name, model in SECTIONS.items():
        for key in model.model_fields:
            assert f"`INSPECTD_{name.upper()}__{key.upper()}`" in text
    for model in [*CAMERAS.values(), *TABLES.values()]:
        for key, field in model.model_fields.items():
            assert field.description
            assert f"| `{key}` |" in text


def test_the_complete_example_is_complete_and_loads() -> None:
    smallest, example = (tomllib.loads(block) for block in code_blocks("settings.md", "toml"))
    make_settings(smallest, origin="smallest")
    make_settings(example, origin="example")
    assert set(example) == set(Settings.model_fields)
    for name, model in SECTIONS.items():
        assert set(example[name]) == set(model.model_fields) - {"bundle"}  # which stands in the smallest example
    for kind, camera in (("images", ImagesCamera), ("opencv", OpencvCamera), ("aravis", AravisCamera)):
        shown = {key for table in example["cameras"].values() if table["source"].startswith(kind) for key in table}
        assert shown == set(camera.model_fields)


def test_the_complete_example_shows_the_defaults() -> None:
    example = tomllib.loads(code_blocks("settings.md", "toml")[1])
    settings = make_settings(example, origin="example").model_dump(mode="json")
    for name, model in SECTIONS.items():
        if name != "model":
            assert settings[name] == model().model_dump(mode="json")


@pytest.mark.parametrize("block", code_blocks("wire.md", "json"))
def test_examples_of_messages_are_of_the_wire(block: str) -> None:
    message = json.loads(block)
    jsonschema.validate(message, schema())
    model = WIRE_MODELS[message["kind"]] if "kind" in message else REQUESTS[message["request"]]
    assert model.model_validate_json(block).model_dump(mode="json") == message


def test_every_example_of_a_message_is_shown() -> None:
    shown = [json.loads(block) for block in code_blocks("wire.md", "json")]
    assert len(shown) == len(EXAMPLES)
    assert {message.get("kind") or message["request"] for message in shown} == {*WIRE_MODELS, *REQUESTS}


def test_what_is_really_published_fits_the_schema(tmp_path: Path) -> None:
    settings = local_settings()
    with publishing(tmp_path / "journal.db", settings) as publisher:
        publisher.submit(draft(1))
        publisher.submit(draft(2, outcome=Outcome.ERROR, reason=Reason.DEADLINE))
        assert publisher.flush(20)
        verdicts = list(replay(settings.replay, 1))
    assert len(verdicts) == 2
    for verdict in verdicts:
        jsonschema.validate(json.loads(verdict), schema())


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "ERROR"},
        {"reason": "deadline"},
        {"score": None},
        {"outcome": "MAYBE"},
        {"sequence": -1},
        {"captured_utc": None},
    ],
)
def test_the_schema_refuses_what_the_daemon_never_says(change: dict[str, Any]) -> None:
    message = EXAMPLES["example-fail"].model_dump(mode="json")
    jsonschema.validate(message, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(message | change, schema())


def test_the_example_subscriber_is_short() -> None:
    assert len(SUBSCRIBER.read_text().splitlines()) < 30
    ast.parse(SUBSCRIBER.read_text())


def test_the_example_subscriber_works(tmp_path: Path) -> None:
    settings = local_settings()
    with publishing(tmp_path / "journal.db", settings) as publisher:
        subscriber = subprocess.Popen(
            [sys.executable, "-u", str(SUBSCRIBER), settings.verdicts, settings.replay, settings.maps],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert subscriber.stdout is not None
            told = _publish_until_told(publisher, subscriber.stdout)
        finally:
            subscriber.kill()
            subscriber.communicate()
    assert re.fullmatch(r"\d+ web FAIL 2.5: reject\n", told)


def _publish_until_told(publisher: Publisher, output: IO[str]) -> str:
    """The subscriber connects in its own time; what it tells first is a verdict of those published since."""
    done = threading.Event()

    def publish() -> None:
        while not done.wait(0.1):
            publisher.submit(draft(1))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        return output.readline()
    finally:
        done.set()
        thread.join()


def test_links_lead_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), *DOCS.glob("decisions/*.md"), ROOT / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_decisions_are_short_and_numbered_once() -> None:
    pages_by_number = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [page.name[:3] for page in pages_by_number]
    assert len(set(numbers)) == len(numbers)
    for page in pages_by_number:
        text = page.read_text()
        assert text.startswith(f"# {page.name[:3]} ")
        assert "**Decision.**" in text
        assert "**Why.**" in text
        assert len(text.splitlines()) <= 60
