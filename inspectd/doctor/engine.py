"""The configured engine: started as the daemon starts it, golden tiles and all."""

from __future__ import annotations

import time
from collections.abc import Iterator

from engines.errors import EnginesError
from inspectd.doctor.findings import Finding, good, lacking, note
from inspectd.errors import InspectdError
from inspectd.journal import lock_holder
from inspectd.models.configured import configured
from inspectd.runtimes import make_engine
from inspectd.settings import Settings


def judge_engine(settings: Settings) -> Iterator[Finding]:
    """Start the engine and end it again; not beside a running daemon, whose line it would slow down."""
    holder = lock_holder(settings.journal.path)
    if holder is not None:
        yield note(f"process {holder or '(unknown)'} inspects with this configuration: its engine is left in peace")
        return
    try:
        bundle = configured(settings.model).bundle
        yield good(f"bundle {bundle.path.name}")
        began = time.monotonic()
        with make_engine(bundle, settings.engine):
            seconds = time.monotonic() - began
    except (EnginesError, InspectdError) as error:
        yield lacking(True, str(error), "")
        return
    tiles = len(bundle.golden.tiles)
    yield good(f"the {settings.engine.runtime} engine reproduces the bundle's {tiles} golden tiles ({seconds:.1f} s)")
