"""Holds a command line against our own commands: each is there, and so is every option in it."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup

from inspectd.cli import app
from tools.cli import COMMANDS, make_app

Command = TyperCommand | TyperGroup


def command_of(words: list[str]) -> tuple[Command, list[str], list[str]]:
    """The command that `words` name, the words of its name, and those after it.

    Raises:
        AssertionError: there is none.
    """
    program, *rest = words
    command = _made(app if program == "inspectd" else make_app(rest[:1]))
    path = [program]
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        name, *rest = rest
        assert name in command.commands, f"there is no '{' '.join([*path, name])}'"
        command, path = _ours(command.commands[name]), [*path, name]
    return command, path, rest


def parse(words: list[str]) -> None:
    """Read the line as the command itself would, and do nothing.

    Raises:
        AssertionError: it would be refused.
    """
    command, path, arguments = command_of(words)
    try:
        command.make_context(" ".join(path), list(arguments)).close()
    except typer.Exit:  # as --help does
        return
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        raise AssertionError(f"{' '.join(words)}: {error.format_message()}") from error


def parse_mention(words: list[str]) -> None:
    """Check that the command is there, and every option that is named.

    Raises:
        AssertionError: it is not.
    """
    command, path, arguments = command_of(words)
    known = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    known |= {"--help"}
    for word in arguments:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, f"{' '.join(path)} has no {word}"


def every_command() -> Iterator[tuple[list[str], Command]]:
    """Each command of ours that can be run, with the words that name it."""
    yield from _below(["inspectd"], _made(app))
    yield ["inspectd-train"], _made(make_app([]))
    for each in COMMANDS:
        command, path, _ = command_of(["inspectd-train", each.name])
        yield from _below(path, command)


def _below(path: list[str], command: Command) -> Iterator[tuple[list[str], Command]]:
    yield path, command
    if isinstance(command, TyperGroup):
        for name, sub in command.commands.items():
            yield from _below([*path, name], _ours(sub))


def _made(program: typer.Typer) -> Command:
    return _ours(typer.main.get_command(program))


def _ours(command: object) -> Command:
    assert isinstance(command, TyperCommand | TyperGroup)
    return command
