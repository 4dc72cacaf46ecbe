"""What `inspectd view` does: says what is not installed, and where the page is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from inspectd import log
from inspectd.errors import SettingsError
from inspectd.viewer.sources import Sources


def serve(listen: str, sources: Sources, *, token_file: Path | None, insecure: bool, hosts: Sequence[str] = ()) -> None:
    """See `inspectd.viewer.server.serve`.

    Raises:
        SettingsError: the extra is not installed; and as there.
    """
    log.configure()
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # it tells of its own life at length
    try:
        from inspectd.viewer import server  # noqa: PLC0415 - an extra: starlette and uvicorn
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise SettingsError(f"{package} is not installed; for the live view: pip install 'inspectd[view]'") from error
    server.serve(listen, sources, token_file=token_file, insecure=insecure, hosts=hosts)
