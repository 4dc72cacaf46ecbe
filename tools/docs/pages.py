"""Which pages are generated, and from what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tools.docs.metrics_page import metrics_parts
from tools.docs.plc_page import plc_parts
from tools.docs.settings_page import settings_parts
from tools.docs.wire_page import wire_parts, wire_schema

ROOT = Path(__file__).parents[2]
TEMPLATES = Path(__file__).parent


def pages() -> dict[Path, str]:
    """Every generated page and what it must hold."""
    return {
        ROOT / "docs" / "settings.md": filled("settings", settings_parts()),
        ROOT / "docs" / "metrics.md": filled("metrics", metrics_parts()),
        ROOT / "docs" / "plc.md": filled("plc", plc_parts()),
        ROOT / "docs" / "wire.md": filled("wire", wire_parts()),
        ROOT / "docs" / "wire.schema.json": wire_schema(),
    }


def filled(name: str, parts: Mapping[str, str]) -> str:
    """The template `name` with each `{{ part }}` replaced.

    Raises:
        KeyError: the template asks for a part that is not there.
        ValueError: a part is asked for nowhere, so that something would go undocumented.
    """
    template = (TEMPLATES / f"{name}.template.md").read_text()
    wanted = re.findall(r"\{\{ (\S+) \}\}", template)
    left_over = set(parts) - set(wanted)
    if left_over:
        raise ValueError(f"{name}.template.md does not ask for {', '.join(sorted(left_over))}")
    return re.sub(r"\{\{ (\S+) \}\}", lambda match: parts[match[1]], template)
