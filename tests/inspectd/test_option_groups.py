from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from inspectd.option_groups import grouped


@dataclass(frozen=True)
class Where:
    """Fields with and without a default, in any order."""

    address: Annotated[str, typer.Option("--address", help="Where it is.")]
    retries: Annotated[int, typer.Option("--retries", help="How often.")] = 3


def _app(told: list[object]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @grouped
    def command(
        name: Annotated[str, typer.Argument(metavar="NAME")],
        loud: Annotated[bool, typer.Option("--loud")] = False,
        *,
        where: Where,
    ) -> None:
        """Do it."""
        told.append((name, loud, where))

    return app


def test_the_fields_of_a_group_are_options_of_the_command() -> None:
    told: list[object] = []
    app = _app(told)
    assert CliRunner().invoke(app, ["it", "--address", "here"]).exit_code == 0
    assert CliRunner().invoke(app, ["it", "--loud", "--address", "there", "--retries", "5"]).exit_code == 0
    assert told == [("it", False, Where("here")), ("it", True, Where("there", 5))]


def test_they_are_required_converted_and_in_the_help() -> None:
    told: list[object] = []
    app = _app(told)
    assert CliRunner().invoke(app, ["it"]).exit_code == 2
    assert CliRunner().invoke(app, ["it", "--address", "here", "--retries", "often"]).exit_code == 2
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "Do it." in shown
    assert "Where it is." in shown
    assert "where" not in shown
    assert told == []
