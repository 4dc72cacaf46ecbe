"""docs/wire.md and docs/wire.schema.json: the messages, field by field, and examples of each."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from inspectd.publisher import MAPS_WATERMARK, VERDICTS_WATERMARK
from inspectd.replay import ANSWER_BYTES, ANSWER_VERDICTS, PAGE_BYTES, PAGE_VERDICTS
from inspectd.wire import addresses
from inspectd.wire.models import (
    WIRE_VERSION,
    ActivateRequest,
    CameraState,
    Change,
    ChangeAccepted,
    ChangeAction,
    ChangeState,
    ControlError,
    DaemonState,
    DeleteRequest,
    DrainAccepted,
    DrainRequest,
    DriftLevel,
    EncoderAccepted,
    EncoderRequest,
    Heartbeat,
    MapHeader,
    Message,
    ModelRole,
    Models,
    ModelsRequest,
    PartVerdict,
    PictureHeader,
    PromoteRequest,
    Reason,
    ReplayEnd,
    ReplayError,
    ReplayPage,
    ReplayRequest,
    RollbackRequest,
    ShadowRequest,
    ShadowState,
    Status,
    StatusRequest,
    ThresholdRequest,
    TriggerAccepted,
    TriggerRequest,
    UndoRequest,
    Verdict,
)
from tools.docs.examples import EXAMPLES
from tools.docs.tables import Schema, member_docs, one_line, table, type_in_words

TOLD: tuple[type[BaseModel], ...] = (
    Verdict,
    PartVerdict,
    Change,
    Heartbeat,
    MapHeader,
    PictureHeader,
    ReplayEnd,
    ReplayError,
    ReplayPage,
    TriggerAccepted,
    EncoderAccepted,
    Status,
    Models,
    ChangeAccepted,
    DrainAccepted,
    ControlError,
)
ASKED: tuple[type[BaseModel], ...] = (
    ReplayRequest,
    TriggerRequest,
    EncoderRequest,
    StatusRequest,
    ModelsRequest,
    ActivateRequest,
    RollbackRequest,
    ShadowRequest,
    PromoteRequest,
    ThresholdRequest,
    UndoRequest,
    DeleteRequest,
    DrainRequest,
)
ENUMS: tuple[type[StrEnum], ...] = (
    Reason,
    DaemonState,
    CameraState,
    DriftLevel,
    ChangeAction,
    ChangeState,
    ModelRole,
    ShadowState,
)
PARTS_OF_MESSAGES = (
    "Region",
    "PartFrame",
    "CameraStatus",
    "CameraDrift",
    "ModelStanding",
    "ChangeStanding",
    "ModelEntry",
    "ShadowStanding",
    "ShadowFigures",
    "ScoreRatios",
)


def wire_schema() -> str:
    """JSON Schema of every message, as a file."""
    return json.dumps(_schema(), indent=2, ensure_ascii=False) + "\n"


def wire_parts() -> dict[str, str]:
    """What the template asks for."""
    definitions = _schema()["$defs"]
    inherited = set(Message.model_fields)
    parts = {"Message": _fields(Message.model_json_schema(), definitions, leave_out=set())}
    for model in (*TOLD, *ASKED):
        leave_out = inherited if issubclass(model, Message) else set()
        parts[model.__name__] = _described(definitions[model.__name__], definitions, leave_out)
    parts |= {name: _described(definitions[name], definitions, set()) for name in PARTS_OF_MESSAGES}
    parts |= {enum.__name__: _members(enum) for enum in ENUMS}
    parts |= {name: _example(message) for name, message in EXAMPLES.items()}
    return parts | {
        "wire-version": str(WIRE_VERSION),
        "verdicts-address": addresses.VERDICTS,
        "maps-address": addresses.MAPS,
        "pictures-address": addresses.PICTURES,
        "replay-address": addresses.REPLAY,
        "control-address": addresses.CONTROL,
        "verdicts-watermark": f"{VERDICTS_WATERMARK:,}",
        "maps-watermark": str(MAPS_WATERMARK),
        "answer-verdicts": f"{ANSWER_VERDICTS:,}",
        "answer-mib": str(ANSWER_BYTES >> 20),
        "page-verdicts": str(PAGE_VERDICTS),
        "page-kib": str(PAGE_BYTES >> 10),
    }


def _schema() -> dict[str, Any]:
    told: list[tuple[type[BaseModel], Literal["serialization", "validation"]]] = [
        *((model, "serialization") for model in TOLD),
        *((model, "validation") for model in ASKED),
    ]
    _, schema = models_json_schema(told)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Messages of inspectd, wire version {WIRE_VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in (*TOLD, *ASKED)],
        "$defs": schema["$defs"],
    }


def _described(schema: Schema, definitions: Schema, leave_out: set[str]) -> str:
    return f"{one_line(schema['description'])}\n\n{_fields(schema, definitions, leave_out)}"


def _fields(schema: Schema, definitions: Schema, leave_out: set[str]) -> str:
    return table(
        ("field", "value", "meaning"),
        (
            (f"`{name}`", type_in_words(value, definitions), one_line(value.get("description", "")))
            for name, value in schema["properties"].items()
            if name not in leave_out
        ),
    )


def _members(enum: type[StrEnum]) -> str:
    return table(("value", "meaning"), ((f"`{value}`", text) for value, text in member_docs(enum).items()))


def _example(message: BaseModel) -> str:
    return f"```json\n{json.dumps(message.model_dump(mode='json'), indent=2, ensure_ascii=False)}\n```"
