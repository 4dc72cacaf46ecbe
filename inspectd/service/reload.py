"""Reading the configuration again while the line runs. A bad one changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from inspectd.errors import SettingsError
from inspectd.log import configure
from inspectd.settings import Settings

LIVE: Final = ("drain_s", "log")
"""What takes effect at once. All else belongs to an engine, a camera or a socket that was made with it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reloaded:
    """What came of it."""

    settings: Settings
    """Those in effect now."""
    note: str | None
    """What the operator still has to do, in words."""


def reload_settings(running: Settings, load: Callable[[], Settings]) -> Reloaded:
    """Take over what can be, and name what waits for a restart. `load` reads the file and the environment.

    A configuration with a problem is refused whole, its problems logged; what is in effect stays.
    """
    try:
        wanted = load()
    except SettingsError as error:
        problems = str(error).splitlines()
        log.error(  # noqa: TRY400 - its problems are the operator's; where it was found is nobody's
            "the new configuration is refused; the one in effect stays", problems=problems
        )
        return Reloaded(running, f"the configuration was refused at reload: {'; '.join(problems)}")
    settings = running.model_copy(update={name: getattr(wanted, name) for name in LIVE})
    configure(settings.log.level, settings.log.format)
    waiting = sorted(_differences(settings, wanted))
    log.info("configuration reloaded", waiting_for_restart=waiting)
    return Reloaded(settings, f"waiting for a restart: {', '.join(waiting)}" if waiting else None)


def _differences(one: Settings, other: Settings) -> set[str]:
    """Keys that differ, as `cameras.web.deadline_ms`."""
    ours, theirs = (dict(_flat(settings.model_dump(mode="json"))) for settings in (one, other))
    return {key for key in ours.keys() | theirs.keys() if ours.get(key, ...) != theirs.get(key, ...)}


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value
