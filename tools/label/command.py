"""`inspectd-train label`."""

from __future__ import annotations

import getpass
import ipaddress
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich.console import Console

from inspectd.archive import ArchiveReader
from tools.label.page import make_page
from tools.label.recording import Recorder
from tools.label.regression import FOLDER, RegressionSet

_HERE = ("localhost", "127.0.0.1", "[::1]")


def label(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="The archive (archive.path).", show_default=False)],
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the page is.")] = "127.0.0.1:9596",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let everybody who reaches that address look and label.")
    ] = False,
    who: Annotated[str | None, typer.Option(metavar="NAME", help="Who labels.", show_default="the user's name")] = None,
    regression: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The regression set.", show_default=f"ARCHIVE/{FOLDER}"),
    ] = None,
) -> None:
    """Show archived pictures in a browser, for a person to say good or bad.

    False alarms become training data, and all that was found wrong enters the
    regression set: 'inspectd-train fit --labels ARCHIVE' uses both.
    """
    host, port = _address(listen, insecure=insecure)
    recorder = Recorder(who or getpass.getuser(), RegressionSet(regression or archive / FOLDER))
    page = make_page(ArchiveReader(archive), recorder, ("*",) if insecure else (*_HERE, host))
    Console(stderr=True).print(f"label at http://{listen}, Ctrl-C ends", highlight=False)
    uvicorn.run(page, host=host, port=port, log_level="warning", server_header=False)


def _address(listen: str, *, insecure: bool) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise typer.BadParameter(f"--listen {listen!r}: write it as in 127.0.0.1:9596")
    host = host.strip("[]")
    if not insecure and not _is_here(host):
        raise typer.BadParameter(
            f"--listen {listen!r}: from other machines everybody could look and label; give --insecure if that is "
            "meant, or reach the page through ssh -L"
        )
    return host, int(port)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
