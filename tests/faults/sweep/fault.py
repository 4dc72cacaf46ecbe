"""A fault: its name, how it is injected, and what happens when it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Verdict(StrEnum):
    """On the promises."""

    HELD = "held"
    BROKEN = "broken"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Seen:
    """What the daemon did about it, once every promise was found kept."""

    what: str
    """Verdicts, reasons, exit codes and words."""
    recovery_s: float | None = None
    """From the end of the fault, or of the process that it killed, to the next frame judged; None where nothing had to
    recover."""


Act = Callable[[Path], Seen]
"""Injects the fault in an empty folder, and asserts everything that must hold."""


@dataclass(frozen=True)
class Fault:
    """One way in which something goes wrong."""

    name: str
    injected: str
    """How, in words."""
    act: Act
    lacking: Callable[[], str | None]
    """What this machine lacks to inject it, in words."""
    long: bool
    """Whether it is left to the whole sweep: it takes long, or the tests have the like of it elsewhere."""

    def happen(self, folder: Path) -> Report:
        """Inject it, and tell how that went."""
        began = time.monotonic()
        reason = self.lacking()
        if reason is not None:
            return Report(self.name, self.injected, f"not injected: {reason}", Verdict.SKIPPED)
        try:
            seen = self.act(folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, the promise was not seen kept
            return Report(self.name, self.injected, str(error) or repr(error), Verdict.BROKEN)
        return Report(self.name, self.injected, seen.what, Verdict.HELD, seen.recovery_s, time.monotonic() - began)


@dataclass(frozen=True)
class Report:
    """How it went."""

    fault: str
    injected: str
    seen: str
    verdict: Verdict
    recovery_s: float | None = None
    took_s: float | None = None


def nothing() -> None:
    """What most faults lack."""


def fault(
    name: str, injected: str, *, lacking: Callable[[], str | None] = nothing, long: bool = False
) -> Callable[[Act], Fault]:
    """Make a fault of the function that injects it."""
    return lambda act: Fault(name, injected, act, lacking, long)
