"""The command line. Each command imports what it needs when it runs, so that `inspectd --help` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from engines.errors import BundleError, EnginesError
from inspectd import __version__
from inspectd.errors import EngineFailure, InspectdError, SettingsError
from inspectd.wire import addresses

app = typer.Typer(
    help="Watch a moving surface and say PASS, FAIL or ERROR for every frame.",
    epilog="Example: inspectd check line.toml && inspectd run line.toml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Configuration = Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file; see docs/settings.md.")]
Verdicts = Annotated[str, typer.Option("--verdicts", metavar="ADDRESS", help="The daemon's publish.verdicts.")]


@app.command(epilog="Example: inspectd run line.toml")
def run(
    config: Configuration,
    until_ended: Annotated[
        bool, typer.Option("--until-ended", help="Leave when every camera's source has ended, as folders do.")
    ] = False,
) -> None:
    """Inspect until SIGTERM or Ctrl-C, then give every frame taken its verdict and leave."""
    from inspectd import daemon, log  # noqa: PLC0415 - see the top of this file
    from inspectd.settings import load_settings  # noqa: PLC0415 - likewise

    settings = load_settings(config)
    log.configure(settings.log.level, settings.log.format)
    raise typer.Exit(daemon.run(settings, until_ended=until_ended))


@app.command(epilog="Example: INSPECTD_ENGINE__THREADS=2 inspectd check line.toml")
def check(config: Configuration) -> None:
    """Print the configuration in effect, and every problem of it at once."""
    from inspectd.check import check as look  # noqa: PLC0415 - see the top of this file

    found = look(config)
    if found.effective is not None:
        typer.echo(found.effective, nl=False)
    for note in found.notes:
        _say("note", note, "yellow")
    for problem in found.problems:
        _say("problem", problem, "red")
    if found.problems:
        raise typer.Exit(SettingsError.exit_code)


@app.command(epilog="Example: inspectd watch --verdicts tcp://line3:5590")
def watch(
    verdicts: Verdicts = addresses.VERDICTS,
    replay: Annotated[
        str | None, typer.Option("--replay", metavar="ADDRESS", help="The daemon's publish.replay, to fill gaps.")
    ] = None,
    since: Annotated[
        int | None, typer.Option("--since", metavar="N", min=1, help="Begin with verdict N, by replay.")
    ] = None,
) -> None:
    """Show a line for every verdict as it comes."""
    from inspectd import watch as view  # noqa: PLC0415 - see the top of this file
    from inspectd.client import Client  # noqa: PLC0415 - likewise

    if since is not None and replay is None:
        replay = addresses.REPLAY
    with Client(verdicts, replay=replay, since=since) as client:
        view.watch(client)


@app.command(epilog="Example: inspectd replay --first 1200 --last 1300 | jq .outcome")
def replay(
    first: Annotated[int, typer.Option("--first", metavar="N", min=1, help="First number wanted.")] = 1,
    last: Annotated[
        int | None, typer.Option("--last", metavar="N", min=1, help="Last number wanted; else the newest.")
    ] = None,
    address: Annotated[
        str, typer.Option("--replay", metavar="ADDRESS", help="The daemon's publish.replay.")
    ] = addresses.REPLAY,
) -> None:
    """Print verdicts from the daemon's journal, one JSON object a line."""
    from inspectd.client import replay as replayed  # noqa: PLC0415 - see the top of this file

    for line in replayed(address, first, last):
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.flush()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inspectd {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Declare what stands before a command; `--version` is dealt with by its callback."""


def main() -> None:
    """Run the command; what goes wrong on purpose ends in a message and an exit code, never in a traceback."""
    try:
        app()
    except (InspectdError, EnginesError) as error:
        for line in str(error).splitlines():
            _say("error", line, "red")
        sys.exit(exit_code(error))


def exit_code(error: InspectdError | EnginesError) -> int:
    """The exit code that an error ends the command with."""
    if isinstance(error, InspectdError):
        return error.exit_code
    return SettingsError.exit_code if isinstance(error, BundleError) else EngineFailure.exit_code


def _say(what: str, text: str, colour: str) -> None:
    typer.secho(f"{what}: ", fg=colour, bold=True, nl=False, err=True)
    typer.echo(text, err=True)


if __name__ == "__main__":
    main()
