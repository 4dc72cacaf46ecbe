"""`--help` of every command reads well on a terminal of 80 columns."""

from __future__ import annotations

import contextlib
import io
import re

import pytest

pytest.importorskip("torch", reason="inspectd-train's commands load the training extra, which is not installed")
pytestmark = pytest.mark.train

from tests.docs.command_lines import programs  # noqa: E402
from tests.docs.parsing import Command, every_command, parse  # noqa: E402

LONGEST = 78
"""Of a line of help, besides its margins."""
ALL = [pytest.param(path, command, id=" ".join(path)) for path, command in every_command()]


@pytest.fixture
def wide_80(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


def told(path: list[str], command: Command) -> str:
    context = command.make_context(" ".join(path), [], resilient_parsing=True)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        returned = command.get_help(context)
    return printed.getvalue() + (returned or "")


@pytest.mark.parametrize(("path", "command"), ALL)
def test_help_fits_80_columns_and_nothing_is_cut(path: list[str], command: Command, wide_80: None) -> None:
    lines = told(path, command).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if re.search(r"[^\s,]…", line)] == [], "a word that does not fit was cut"
    assert [line for line in lines if re.search(r"│ +>", line)] == [], "a type that does not fit: give it a metavar"


@pytest.mark.parametrize(("path", "command"), ALL)
def test_paragraphs_after_the_first_which_keep_their_lines_fit(path: list[str], command: Command) -> None:
    later = (command.help or "").partition("\n\n")[2].splitlines()
    assert [line for line in later if len(line) > LONGEST] == []


@pytest.mark.parametrize(("path", "command"), ALL)
def test_every_option_says_what_it_does(path: list[str], command: Command) -> None:
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{' '.join(path)}: {parameter.name} has no help"
    assert command.help


@pytest.mark.parametrize(("path", "command"), ALL)
def test_every_command_ends_with_an_example_that_it_understands(path: list[str], command: Command) -> None:
    example = re.fullmatch(r"Example: (.*)", command.epilog or "")
    assert example, f"{' '.join(path)}: give it an epilog 'Example: …'"
    ours = [words for words in programs(example[1]) if words[0] == path[0]]
    assert any(words[: len(path)] == path for words in ours)
    for words in ours:
        parse(words)


@pytest.mark.parametrize(("path", "command"), ALL)
def test_defaults_are_those_of_any_machine(path: list[str], command: Command, wide_80: None) -> None:
    text = " ".join(told(path, command).split())
    for nonsense in ("functools", "<function", "object at", "None", "/work", "/home/", "site-packages", "tools/demo"):
        assert f"default: {nonsense}" not in text.replace("[default: │ ", "[default: ")
        assert nonsense == "None" or nonsense not in text
