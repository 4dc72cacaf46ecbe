"""Where the daemon is found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """Addresses of the daemon; all but `verdicts` may be empty, to do without."""

    verdicts: str
    maps: str
    pictures: str
    replay: str
    control: str
    keys: Path | None
    """The viewer's own file of keys, where the daemon asks for one."""
