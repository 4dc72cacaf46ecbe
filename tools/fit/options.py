"""Checks of options that several commands share; each names the option, the value and the way out."""

from __future__ import annotations

import re

import typer

from tools.backbones import BACKBONES

DEFAULT_BACKBONE = next(iter(BACKBONES))


def backbone(given: str) -> str:
    """`--backbone`, if there is such a one."""
    if given not in BACKBONES:
        raise typer.BadParameter(f"--backbone {given!r}: there are {', '.join(BACKBONES)}")
    return given


def group(given: str | None) -> str | None:
    """`--group`, if it is a regular expression."""
    if given is not None:
        try:
            re.compile(given)
        except re.error as error:
            raise typer.BadParameter(f"--group {given!r}: no regular expression: {error}") from error
    return given
