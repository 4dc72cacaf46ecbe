"""`inspectd models` and `inspectd threshold`. Each command imports what it needs when it runs."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspectd.keys.option import KeysFile
from inspectd.option_groups import grouped

if TYPE_CHECKING:
    from inspectd.client import Controller
    from inspectd.models.offline import Offline
    from inspectd.wire.models import ChangeStanding, ModelEntry

models = typer.Typer(
    help="Keep models, and choose the one that judges.",
    epilog="Example: inspectd models list",
    no_args_is_help=True,
)
threshold = typer.Typer(
    help="Move the threshold of the model that judges.",
    epilog="Example: inspectd threshold show",
    no_args_is_help=True,
)


def _login() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


Model = Annotated[str, typer.Argument(metavar="MODEL", help="Its name, its id, or its bundle's name.")]
Who = Annotated[
    str, typer.Option("--who", metavar="NAME", default_factory=_login, show_default="you", help="Who, for the record.")
]


@dataclass(frozen=True)
class By:
    """Whoever changes something, and why."""

    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why, for the record.")]
    who: Who


@dataclass(frozen=True)
class Where:
    """Whom a command asks. See `inspectd.models.reach`."""

    control: Annotated[
        str | None, typer.Option("--control", metavar="ADDRESS", help="The daemon's control.address; it is asked.")
    ] = None
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The daemon's configuration; it need not run.")
    ] = None
    registry: Annotated[
        Path | None, typer.Option("--registry", metavar="DIR", help="Of the models; the daemon need not run.")
    ] = None
    keys: KeysFile = None


@models.command(epilog="Example: sudo inspectd models add bundles/brick-0123456789abcdef --name winter")
@grouped
def add(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="As 'inspectd-train fit' printed it.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What to call it.")] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What to know of it.")] = None,
    *,
    where: Where,
) -> None:
    """Copy a bundle into the registry, verified. It does not judge before it is activated."""
    from inspectd.models.reach import registry_to_add_to  # noqa: PLC0415 - see the top of this file

    registry = registry_to_add_to(where.control, where.config, where.registry, where.keys)
    added = registry.add(bundle, name, note)
    typer.echo(f"added: {added.name or added.bundle} (surface {added.surface}, threshold {added.threshold:g})")


@models.command("list", epilog="Example: inspectd models list --json | jq '.models[].bundle'")
@grouped
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    *,
    where: Where,
) -> None:
    """List the models, which judges, which did before, and which are damaged."""
    with _reached(where) as asked:
        found = asked.models()
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    elif found.models:
        _print_table(found.models)
    else:
        typer.echo(f"no models in {found.registry}; add one with 'inspectd models add'")


@models.command(epilog="Example: inspectd models activate winter --why 'new supplier'")
@grouped
def activate(
    model: Model,
    by: By,
    where: Where,
) -> None:
    """Have another model judge, from the next frame on. If it may not, the one before judges on."""
    with _reached(where) as asked, _progress() as tell:
        _say_what_judges(asked, asked.activate(model, who=by.who, why=by.why, tell=tell))


@models.command(epilog="Example: inspectd models rollback --why 'false alarms'")
@grouped
def rollback(
    by: By,
    where: Where,
) -> None:
    """Have the model judge again that did before, with the threshold of that time."""
    with _reached(where) as asked, _progress() as tell:
        _say_what_judges(asked, asked.rollback(who=by.who, why=by.why, tell=tell))


@models.command(epilog="Example: inspectd models shadow winter --why 'less false alarms?'")
@grouped
def shadow(
    who: Who,
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="The candidate: its name, its id, or its bundle's name.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Have no candidate look on any more.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Show how it compares, and where it disagrees.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.html", help="Write that as a page with pictures.")
    ] = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="Why; to begin and to stop.")] = None,
    *,
    where: Where,
) -> None:
    """Have a candidate score the same frames beside the model that judges. It changes no verdict, and takes only the
    time that is left."""
    if sum([model is not None, stop, show or report is not None]) != 1:
        raise typer.BadParameter("give either MODEL, or --stop, or --show and --report")
    if (model is not None or stop) and why is None:
        raise typer.BadParameter("say --why")
    with _reached(where) as asked:
        if why is None:
            _show_candidate(asked, report, show=show)
            return
        with _progress() as tell:
            done = asked.shadow(model, who=who, why=why, tell=tell)
    typer.echo(f"{done.bundle} looks on" if model else "no candidate looks on any more")


@models.command(epilog="Example: inspectd models promote --why 'finds the same, with less false alarms'")
@grouped
def promote(
    by: By,
    where: Where,
) -> None:
    """Have the candidate in the shadow judge, from the next frame on."""
    with _reached(where) as asked, _progress() as tell:
        _say_what_judges(asked, asked.promote(who=by.who, why=by.why, tell=tell))


@models.command(epilog="Example: inspectd models delete summer --why 'no longer made'")
@grouped
def delete(
    model: Model,
    by: By,
    where: Where,
) -> None:
    """Remove a model; never the one that judges or the one before it."""
    with _reached(where) as asked:
        typer.echo(f"deleted: {asked.delete(model, who=by.who, why=by.why).bundle}")


@threshold.command(epilog="Example: inspectd threshold show")
@grouped
def show(where: Where) -> None:
    """Show the threshold, the model's own, and between what it can be moved."""
    with _reached(where) as asked:
        _say_what_judges(asked)


@threshold.command("set", epilog="Example: inspectd threshold set 2.7 --why 'stains are accepted today'")
@grouped
def set_threshold(
    value: Annotated[float, typer.Argument(metavar="VALUE", help="In the unit of the scores.")],
    by: By,
    where: Where,
) -> None:
    """Move the threshold: frames whose score reaches it fail. It stays there over a restart."""
    with _reached(where) as asked:
        _say_what_judges(asked, asked.move_threshold(value, who=by.who, why=by.why))


@threshold.command(epilog="Example: inspectd threshold undo --why 'the supplier is back'")
@grouped
def undo(
    by: By,
    where: Where,
) -> None:
    """Put the threshold back to where it stood before it was moved last."""
    with _reached(where) as asked:
        _say_what_judges(asked, asked.undo_threshold(who=by.who, why=by.why))


def _reached(where: Where) -> AbstractContextManager[Controller | Offline]:
    from inspectd import log  # noqa: PLC0415 - see the top of this file
    from inspectd.models.reach import reached  # noqa: PLC0415 - likewise

    log.configure("warning")
    return reached(where.control, where.config, where.registry, where.keys)


@contextmanager
def _progress() -> Iterator[Callable[[ChangeStanding], None]]:
    """Tells each step of an activation on standard error, on a terminal with a sign that it goes on."""
    from rich.console import Console  # noqa: PLC0415 - see the top of this file

    console = Console(stderr=True, highlight=False)
    with console.status("asked …") as status:

        def tell(standing: ChangeStanding) -> None:
            if standing.state == "loading":
                words = "reading and verifying the bundle"
            elif standing.state == "checking":
                words = f"{standing.bundle}: loading the engine and checking it on the golden tiles"
            else:
                return
            if console.is_terminal:
                status.update(f"{words} …")
            else:
                console.print(words, soft_wrap=True)

        yield tell


def _show_candidate(asked: Controller | Offline, page: Path | None, *, show: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - see the top of this file

    from inspectd.manual.pictures import write_file  # noqa: PLC0415 - likewise
    from inspectd.shadow.findings import Findings  # noqa: PLC0415 - likewise
    from inspectd.shadow.report import report  # noqa: PLC0415 - likewise
    from inspectd.shadow.telling import told  # noqa: PLC0415 - likewise

    known = asked.models()
    findings = Findings.read(Path(known.registry), known.shadow.bundle if known.shadow is not None else None)
    if show:
        Console(highlight=False).print(told(findings, known.shadow))
    if page is not None:
        names = {model.bundle: model.name for model in known.models if model.name is not None}
        write_file(page, report(findings, names).encode())


def _say_what_judges(asked: Controller | Offline, done: ChangeStanding | None = None) -> None:
    """Say it, after what was `done`, and what is in doubt of that."""
    model = asked.status().model
    if model is None:
        typer.echo("no model is active")
        return
    moved = "" if model.threshold == model.own_threshold else f", its own is {model.own_threshold:g}"
    typer.echo(
        f"{model.bundle} judges {model.surface}; threshold {model.threshold:g}{moved} "
        f"(can be moved from {model.least_threshold:g} to {model.most_threshold:g})"
    )
    if done is not None and done.reason is not None:
        typer.echo(f"warning: {done.reason}", err=True)


def _print_table(entries: tuple[ModelEntry, ...]) -> None:
    from rich.console import Console  # noqa: PLC0415 - see the top of this file
    from rich.table import Table  # noqa: PLC0415 - likewise

    table = Table("name", "surface", "id", "threshold", "added (UTC)", "", box=None, pad_edge=False)
    for entry in entries:
        state = " ".join(filter(None, [entry.role, "damaged" if entry.damage else None]))
        added = entry.added_utc[:16].replace("T", " ")
        table.add_row(entry.name or "–", entry.surface, entry.id, f"{entry.threshold:.4g}", added, state)
    console = Console(highlight=False)
    console.print(table)
    for entry in entries:
        if entry.damage:
            console.print(f"damaged: {entry.damage}", markup=False, soft_wrap=True)
