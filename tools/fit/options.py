"""Checks of options that several commands share; each names the option, the value and the way out."""

from __future__ import annotations

import re
from typing import Final, Literal

import typer

from tools.backbones import BACKBONES

DEFAULT_BACKBONE = next(iter(BACKBONES))
MAGNIFY_HELP: Final = (
    "How many times larger the network sees a tile: finer maps, for N² times its work. auto: 2 where the pictures are "
    "no larger than 128 px, else 1."
)


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


def magnify(given: str) -> int | Literal["auto"]:
    """`--magnify`, if it is a number of times that the cells allow."""
    if given == "auto":
        return "auto"
    if given not in {"1", "2", "4"}:
        raise typer.BadParameter(f"--magnify {given!r}: 'auto', 1, 2 or 4")
    return int(given)
