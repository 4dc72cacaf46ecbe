"""All scenes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.faults.failpoints.daemon import Archiving, Inspecting, Switching
from tests.faults.failpoints.journal import Appended, Full, Made
from tests.faults.failpoints.registry import Added, Deleted
from tests.faults.failpoints.scene import Scene
from tests.faults.preload.library import compiled


def scenes(folder: Path) -> Iterator[Scene]:
    """They keep in `folder` what they have in common."""
    library = compiled("failpoint", folder)
    for writing in (Made, Appended, Full):
        yield writing(library, folder)
    for scene in (Inspecting, Archiving, Switching, Added, Deleted):
        yield scene(library)
