"""docs/settings.md: a table for each section of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from inspectd.settings import (
    AravisCamera,
    ArchiveSettings,
    ControlSettings,
    DriftSettings,
    DropPolicy,
    EngineSettings,
    GstCamera,
    ImagesCamera,
    JournalSettings,
    LineScanSettings,
    LogSettings,
    MetricsSettings,
    ModelSettings,
    OpencvCamera,
    PatternCamera,
    PublishSettings,
    RtspCamera,
    SecuritySettings,
    Settings,
    V4l2Camera,
    WebSettings,
)
from tools.docs.tables import Schema, default_in_words, member_docs, one_line, table, type_in_words

EXAMPLE = Path(__file__).parent / "example.toml"
SECTIONS: Mapping[str, type[BaseModel]] = {
    "model": ModelSettings,
    "engine": EngineSettings,
    "publish": PublishSettings,
    "control": ControlSettings,
    "metrics": MetricsSettings,
    "security": SecuritySettings,
    "journal": JournalSettings,
    "archive": ArchiveSettings,
    "drift": DriftSettings,
    "log": LogSettings,
}
CAMERAS: Mapping[str, type[BaseModel]] = {
    "images": ImagesCamera,
    "opencv": OpencvCamera,
    "aravis": AravisCamera,
    "gst": GstCamera,
    "rtsp": RtspCamera,
    "v4l2": V4l2Camera,
    "pattern": PatternCamera,
}
TABLES: Mapping[str, type[BaseModel]] = {"web": WebSettings, "line_scan": LineScanSettings}
"""Tables of a camera's own."""


def settings_parts() -> dict[str, str]:
    """What the template asks for."""
    parts = {name: _section(model, f"INSPECTD_{name.upper()}__") for name, model in SECTIONS.items()}
    parts |= {kind: _section(model, "INSPECTD_CAMERAS__NAME__") for kind, model in CAMERAS.items()}
    parts |= {name: _section(model, f"INSPECTD_CAMERAS__NAME__{name.upper()}__") for name, model in TABLES.items()}
    own = [name for name in Settings.model_fields if name not in {*SECTIONS, "cameras"}]
    schema = Settings.model_json_schema()
    parts["top"] = _table({name: schema["properties"][name] for name in own}, schema, "INSPECTD_")
    parts["drop"] = "\n".join(f"- `{value}`: {text}" for value, text in member_docs(DropPolicy).items())
    parts["example"] = EXAMPLE.read_text().strip()
    return parts


def _section(model: type[BaseModel], prefix: str) -> str:
    schema = model.model_json_schema()
    return f"{one_line(schema['description'])}\n\n{_table(schema['properties'], schema, prefix)}"


def _table(properties: Mapping[str, Schema], schema: Schema, prefix: str) -> str:
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    return table(
        ("key", "value", "default", "meaning", "environment"),
        (
            (
                f"`{name}`",
                _in_toml(type_in_words(value, definitions)),
                "must be set" if name in required else default_in_words(value),
                one_line(value["description"]),
                f"`{prefix}{name.upper()}`",
            )
            for name, value in sorted(properties.items(), key=lambda item: item[0] not in required)
        ),
    )


def _in_toml(words: str) -> str:
    """TOML has no null, a setting without a value is left out; what is a model of its own, there is a table."""
    words = words.removesuffix(" or null")
    return "table" if words.startswith("[") else words
