"""Which pictures are kept, and for how long."""

from __future__ import annotations

from pydantic import Field

from inspectd.settings.section import Positive, Section


class ArchiveSettings(Section):
    """Pictures that are kept, with map and verdict: of every FAIL, of every ERROR that has one, and of some PASS."""

    path: str = ""
    """Directory, made where there is none; the one above it must exist. An empty text for no archive."""
    pass_every: int = Field(default=1000, ge=0, le=100_000_000)
    """Of so many frames of a camera, one PASS is kept, and the one that came nearest to the threshold; 0 for none."""
    max_age_days: Positive = 30.0
    """Older pictures are removed, unless a person labelled them."""
    max_size_mb: int = Field(default=10_240, ge=1)
    """Those needed least are removed beyond this, MiB."""
    keep_free_mb: int = Field(default=1024, ge=0)
    """Likewise, while the file system has less room left than this, MiB."""
    queue_mb: int = Field(default=256, ge=1)
    """Pictures that wait to be written take no more memory than this, MiB; what comes beyond is not kept."""
