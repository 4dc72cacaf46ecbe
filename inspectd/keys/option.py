"""`--keys` of every command that connects to a daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ENVIRONMENT = "INSPECTD_KEYS"

KeysFile = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        metavar="FILE",
        envvar=ENVIRONMENT,
        show_envvar=False,
        help=f"This client's file, made by 'inspectd keys'; or {ENVIRONMENT}.",
    ),
]
