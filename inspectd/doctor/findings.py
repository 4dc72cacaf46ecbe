"""What the doctor finds: how it is, and the way out where it is not well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing that was asked for is broken."""
    PROBLEM = "problem"
    """What was asked for does not work."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    text: str
    way_out: str = ""
    """What to do about it: commands and advice, one a line."""


@dataclass(frozen=True)
class Subject:
    """All that was found about one thing."""

    title: str
    findings: tuple[Finding, ...]


def good(text: str) -> Finding:
    """It is as it should be."""
    return Finding(Level.OK, text)


def note(text: str, way_out: str = "") -> Finding:
    """Worth knowing."""
    return Finding(Level.NOTE, text, way_out)


def lacking(needed: bool, text: str, way_out: str) -> Finding:
    """Something is missing or broken: a problem where the configuration needs it, else a note."""
    return Finding(Level.PROBLEM if needed else Level.NOTE, text, way_out)


def has_problems(subjects: Iterable[Subject]) -> bool:
    """Whether anything that was asked for is broken."""
    return any(finding.level is Level.PROBLEM for subject in subjects for finding in subject.findings)
