"""The configuration as it is in effect, written as the TOML that would say the same without environment or defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from inspectd.settings import ENVIRONMENT_PREFIX, Settings


def effective_toml(settings: Settings) -> str:
    """All settings as TOML; what came from the environment says so. A setting without a value is left out."""
    return "\n".join(_table((), settings.model_dump(mode="json"))).strip() + "\n"


def environment_name(key: tuple[str, ...]) -> str:
    """The variable that sets `key`: `INSPECTD_ENGINE__THREADS` for `engine.threads`."""
    return ENVIRONMENT_PREFIX + "__".join(part.upper() for part in key)


def _table(key: tuple[str, ...], values: Mapping[str, Any]) -> Iterator[str]:
    plain = {name: value for name, value in values.items() if value is not None and not isinstance(value, dict)}
    if key and (plain or not values):
        yield f"\n[{'.'.join(key)}]"
    for name, value in plain.items():
        yield f"{name} = {_literal(value)}{_origin((*key, name))}"
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _table((*key, name), value)


def _origin(key: tuple[str, ...]) -> str:
    name = environment_name(key)
    return f"  # from {name}" if any(variable.upper() == name for variable in os.environ) else ""


def _literal(value: bool | int | float | str) -> str:
    """A TOML value. JSON writes booleans, numbers and text the same way, but for the delete character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
