"""What `inspectd-train` raises on purpose, and the exit code each ends a command with.

ToolsError (1)
├── ExtraMissingError (69)  the training extra is not installed; the message gives the install command
├── PictureError (65)       pictures that cannot be learned from; the message names them
├── RollError (65)          verdicts of which no map of a roll can be drawn
├── ShiftError (65)         a shift of which the journal holds nothing
├── WeightsError (66)       a backbone whose weights are nowhere, or do not fit it
├── OutputError (73)        the output folder cannot be written
├── RegressionError (1)     a new bundle misses defects that were found before; it is written all the same
├── FitError (70)           a fit that failed its own checks; nothing was written
└── BenchError (70)         something cannot be measured

The codes are those of sysexits.h; wrong options end with 2, as everywhere.
"""

from __future__ import annotations

from typing import ClassVar


class ToolsError(Exception):
    """Anything this package raises on purpose."""

    exit_code: ClassVar[int] = 1


class ExtraMissingError(ToolsError):
    """The training extra is not installed."""

    exit_code = 69


class PictureError(ToolsError):
    """Pictures that cannot be learned from."""

    exit_code = 65


class RollError(ToolsError):
    """Verdicts of which no map of a roll can be drawn."""

    exit_code = 65


class ShiftError(ToolsError):
    """A shift of which the journal holds nothing."""

    exit_code = 65


class WeightsError(ToolsError):
    """A backbone whose weights are nowhere, or do not fit it."""

    exit_code = 66


class OutputError(ToolsError):
    """The output folder cannot be written."""

    exit_code = 73


class RegressionError(ToolsError):
    """A new bundle misses defects that were found before; it is written all the same."""


class FitError(ToolsError):
    """A fit that failed its own checks."""

    exit_code = 70


class BenchError(ToolsError):
    """Something cannot be measured."""

    exit_code = 70
