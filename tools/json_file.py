"""The file that `--json` names."""

from __future__ import annotations

from pathlib import Path

from tools.errors import OutputError


def write_json(file: Path, text: str) -> None:
    """Write what a command found, making the folder where there is none.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    except OSError as error:
        raise OutputError(f"--json {file}: cannot be written: {error.strerror or error}") from error
