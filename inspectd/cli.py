"""The command line. Each command imports what it needs when it runs, so that `inspectd --help` answers at once."""

from __future__ import annotations

import faulthandler
import os
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from engines.errors import BuildError, BundleError, DeviceLostError, EnginesError
from inspectd import __version__
from inspectd.bridges.command import app as bridge_app
from inspectd.errors import CameraError, DeviceFailure, EngineFailure, InspectdError, SettingsError
from inspectd.keys.command import app as keys_app
from inspectd.keys.option import KeysFile
from inspectd.models.command import models as models_app
from inspectd.models.command import threshold as threshold_app
from inspectd.wire import addresses

app = typer.Typer(
    help="Watch a moving surface and say PASS, FAIL or ERROR for every frame.",
    epilog="Example: inspectd check line.toml && inspectd run line.toml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(bridge_app, name="bridge")
app.add_typer(keys_app, name="keys")
app.add_typer(models_app, name="models")
app.add_typer(threshold_app, name="threshold")

Configuration = Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file; see docs/settings.md.")]
CameraName = Annotated[str, typer.Argument(metavar="CAMERA", help="Its name in the configuration.")]
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
    faulthandler.enable()  # a watchdog's SIGABRT then tells where every thread stood
    code = daemon.run(settings, until_ended=until_ended, load=partial(load_settings, config))
    if code in {EngineFailure.exit_code, DeviceFailure.exit_code}:
        _leave_at_once(code)
    raise typer.Exit(code)


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


@app.command(epilog="Example: inspectd doctor line.toml")
def doctor(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="What it needs is then a problem where it is missing.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at this PC, and say what is missing and how to install it: GPU, TensorRT, GStreamer, Aravis."""
    from rich.console import Console  # noqa: PLC0415 - see the top of this file

    from inspectd import log  # noqa: PLC0415 - likewise
    from inspectd.doctor import report  # noqa: PLC0415 - likewise
    from inspectd.doctor.examination import examine  # noqa: PLC0415 - likewise
    from inspectd.doctor.findings import has_problems  # noqa: PLC0415 - likewise
    from inspectd.settings import load_settings  # noqa: PLC0415 - likewise

    log.configure("warning")
    subjects = examine(load_settings(config) if config else None)
    if as_json:
        found = list(subjects)
        typer.echo(report.to_json(found))
    else:
        found = report.show(subjects, Console(highlight=False))
    if has_problems(found):
        raise typer.Exit(SettingsError.exit_code)


@app.command(epilog="Example: inspectd cameras")
def cameras() -> None:
    """List the cameras that are connected, and how to write each as a 'source'."""
    from inspectd.manual import discover  # noqa: PLC0415 - see the top of this file

    found = list(discover.video_devices())
    try:
        found += discover.network_and_usb_cameras()
    except CameraError as error:
        _say("note", f"GigE Vision and USB3 Vision cameras were not looked for: {error}", "yellow")
    for camera in found:
        typer.echo(f'source = "{camera.source}"  # {camera.what}')
    if not found:
        _say("note", "no camera found; check power and cables (docs/cameras.md)", "yellow")


@app.command(epilog="Example: inspectd snap line.toml web --out web.png")
def snap(
    config: Configuration,
    camera: CameraName,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="PNG file; one that is there is replaced.")],
    plain: Annotated[bool, typer.Option("--plain", help="The frame alone, without the tiles of the bundle.")] = False,
) -> None:
    """Take one frame as the daemon would see it, with the bundle's tiles drawn."""
    from inspectd.manual.snap import snap as take  # noqa: PLC0415 - see the top of this file
    from inspectd.settings import load_settings  # noqa: PLC0415 - likewise

    typer.echo(take(load_settings(config), camera, out, plain=plain))


@app.command(epilog="Example: inspectd record line.toml web --out good --count 200 --every 0.5")
def record(
    config: Configuration,
    camera: CameraName,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the pictures; none is replaced.")],
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many.")],
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=0, help="Shortest time between two; 0 takes every frame.")
    ] = 0.0,
) -> None:
    """Record frames of good parts to train on, as lossless PNG. Stop the daemon first: a camera has one reader."""
    from inspectd.manual import record as recording  # noqa: PLC0415 - see the top of this file
    from inspectd.manual.progress import follow  # noqa: PLC0415 - likewise
    from inspectd.settings import load_settings  # noqa: PLC0415 - likewise

    written = follow(recording.record(load_settings(config), camera, out, count, every), count)
    typer.echo(f"{written} picture{'' if written == 1 else 's'} written to {out}")
    if written < count:
        raise CameraError(f"the source ended before {count} pictures were taken")


@app.command(epilog="Example: inspectd calibrate board/*.png --board 9x6 --square-mm 10 --out web-scale.json")
def calibrate(
    pictures: Annotated[
        list[Path],
        typer.Argument(metavar="PICTURE", help="The first: the board on what is inspected. Others: any way."),
    ],
    board: Annotated[
        str, typer.Option("--board", metavar="COLUMNSxROWS", help="Inner corners, where four squares meet.")
    ],
    square_mm: Annotated[float, typer.Option("--square-mm", metavar="MM", min=1e-3, max=1e4, help="Side of a square.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON file; one that is there is replaced.")],
) -> None:
    """Measure a camera's scale from pictures of a checkerboard, for its setting 'scale'. Five tell of the lens too."""
    from inspectd.view import making  # noqa: PLC0415 - see the top of this file

    made = making.calibrate(pictures, making.parse_board(board, square_mm), out)
    for problem in made.left_out:
        _say("note", f"left out: {problem}", "yellow")
    typer.echo(made)


@app.command("flat-field", epilog="Example: inspectd flat-field --white white --dark dark --out web-flat.npz")
def flat_field(
    white: Annotated[Path, typer.Option("--white", metavar="DIR", help="Pictures of an evenly white surface.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="NPZ file; one that is there is replaced.")],
    dark: Annotated[Path | None, typer.Option("--dark", metavar="DIR", help="Pictures with the lens covered.")] = None,
    area: Annotated[
        tuple[Path, str] | None,
        typer.Option("--area", metavar="CONFIG CAMERA", help="Keep the mean of what this camera inspects, not of all."),
    ] = None,
) -> None:
    """Make a flat field from recorded pictures, for a camera's setting 'flat_field'."""
    from inspectd.manual.opened import camera_named  # noqa: PLC0415 - see the top of this file
    from inspectd.settings import load_settings  # noqa: PLC0415 - likewise
    from inspectd.view.making import make_flat_field  # noqa: PLC0415 - likewise

    camera = camera_named(load_settings(area[0]), area[1]) if area else None
    typer.echo(f"{out}: {make_flat_field(white, dark, out, camera)}")


@app.command(epilog="Example: inspectd watch --verdicts tcp://line3:5590")
def watch(
    verdicts: Verdicts = addresses.VERDICTS,
    replay: Annotated[
        str | None, typer.Option("--replay", metavar="ADDRESS", help="The daemon's publish.replay, to fill gaps.")
    ] = None,
    since: Annotated[
        int | None, typer.Option("--since", metavar="N", min=1, help="Begin with verdict N, by replay.")
    ] = None,
    keys: KeysFile = None,
) -> None:
    """Show a line for every verdict as it comes."""
    from inspectd import watch as view  # noqa: PLC0415 - see the top of this file
    from inspectd.client import Client  # noqa: PLC0415 - likewise

    if since is not None and replay is None:
        replay = addresses.REPLAY
    with Client(verdicts, replay=replay, since=since, keys=keys) as client:
        view.watch(client)


@app.command(epilog="Example: inspectd view --listen 0.0.0.0:8080 --token-file token")
def view(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where the page is served; 0.0.0.0 for all.")
    ] = "127.0.0.1:8080",
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Who knows the token in it may trigger and change things."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="From other machines too, look without the token.")
    ] = False,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", metavar="NAME", help="A further name of this machine in browsers. Repeatable."),
    ] = None,
    verdicts: Verdicts = addresses.VERDICTS,
    maps: Annotated[
        str, typer.Option("--maps", metavar="ADDRESS", help="The daemon's publish.maps; '' for none.")
    ] = addresses.MAPS,
    pictures: Annotated[
        str, typer.Option("--pictures", metavar="ADDRESS", help="The daemon's publish.pictures; '' for none.")
    ] = addresses.PICTURES,
    replay: Annotated[
        str, typer.Option("--replay", metavar="ADDRESS", help="The daemon's publish.replay, for what was before.")
    ] = addresses.REPLAY,
    control: Annotated[
        str, typer.Option("--control", metavar="ADDRESS", help="The daemon's control.address; '' for none.")
    ] = addresses.CONTROL,
    keys: KeysFile = None,
) -> None:
    """Serve a page of the line as it runs, for browsers. It reads only, unless somebody enters the token."""
    from inspectd.viewer.command import serve  # noqa: PLC0415 - see the top of this file
    from inspectd.viewer.sources import Sources  # noqa: PLC0415 - likewise

    sources = Sources(verdicts, maps, pictures, replay, control, keys)
    serve(listen, sources, token_file=token_file, insecure=insecure, hosts=host or ())


@app.command(epilog="Example: inspectd replay --first 1200 --last 1300 | jq .outcome")
def replay(
    first: Annotated[int, typer.Option("--first", metavar="N", min=1, help="First number wanted.")] = 1,
    last: Annotated[
        int | None, typer.Option("--last", metavar="N", min=1, help="Last number wanted; else the newest.")
    ] = None,
    address: Annotated[
        str, typer.Option("--replay", metavar="ADDRESS", help="The daemon's publish.replay.")
    ] = addresses.REPLAY,
    control: Annotated[
        str | None, typer.Option("--control", metavar="ADDRESS", help="Its control.address: ask there, page by page.")
    ] = None,
    keys: KeysFile = None,
) -> None:
    """Print verdicts from the daemon's journal, one JSON object a line."""
    from inspectd.client import Controller  # noqa: PLC0415 - see the top of this file
    from inspectd.client import replay as replayed  # noqa: PLC0415 - likewise

    with ExitStack() as asked:
        if control is None:
            lines = replayed(address, first, last, keys=keys)
        else:
            lines = asked.enter_context(Controller(control, keys=keys)).replay(first, last)
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
    sys.stdout.flush()


@app.command(epilog="Example: inspectd trigger 4711 --camera top --camera side --deadline-ms 400")
def trigger(
    part: Annotated[str, typer.Argument(metavar="PART", help="Id of the part; its verdicts carry it.")],
    camera: Annotated[
        list[str] | None, typer.Option("--camera", metavar="NAME", help="A camera that sees it; else all. Repeatable.")
    ] = None,
    deadline_ms: Annotated[
        float | None,
        typer.Option("--deadline-ms", metavar="MS", help="Within which its verdict must be there; else the cameras'."),
    ] = None,
    control: Annotated[
        str, typer.Option("--control", metavar="ADDRESS", help="The daemon's control.address.")
    ] = addresses.CONTROL,
    keys: KeysFile = None,
) -> None:
    """Tell the daemon that a part is there, and print its answer, as JSON. 'inspectd watch' shows the verdict."""
    from inspectd.client import Controller  # noqa: PLC0415 - see the top of this file

    with Controller(control, keys=keys) as controller:
        typer.echo(controller.trigger(part, camera, deadline_ms).model_dump_json())


@app.command("install-service", epilog="Example: sudo /opt/inspectd/bin/inspectd install-service --config line.toml")
def install_service(
    instance: Annotated[
        str | None, typer.Option("--instance", metavar="NAME", help="One of several lines on this PC: inspectd@NAME.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Check this configuration and put it where the service reads it."
        ),
    ] = None,
    prefix: Annotated[
        Path, typer.Option("--prefix", metavar="DIR", help="Write below DIR, as for an image of a disk.")
    ] = Path("/"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that were changed by hand too.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Run the commands that are otherwise only told.")] = False,
) -> None:
    """Install inspectd as a service of systemd, and say which commands start it."""
    from inspectd.service import command  # noqa: PLC0415 - see the top of this file

    command.install_service(
        instance, config, command.Target(prefix.absolute(), force=force), dry_run=dry_run, now=now, tell=typer.echo
    )


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
    if isinstance(error, BundleError | BuildError):
        return SettingsError.exit_code
    return DeviceFailure.exit_code if isinstance(error, DeviceLostError) else EngineFailure.exit_code


def _leave_at_once(code: int) -> None:
    """Leave without Python's own end, which a driver that hangs might hold up; verdicts and log are written."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _say(what: str, text: str, colour: str) -> None:
    typer.secho(f"{what}: ", fg=colour, bold=True, nl=False, err=True)
    typer.echo(text, err=True)


if __name__ == "__main__":
    main()
