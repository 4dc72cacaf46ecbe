"""Every command line of README and documentation is run, as its reader would run it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the documentation's commands train, and the training extra is not installed")
pytestmark = pytest.mark.train

from tests.docs import commands  # noqa: E402
from tests.docs.command_lines import OURS, CommandLine, command_lines, name_of, pages, programs, spoken  # noqa: E402
from tests.docs.parsing import parse, parse_mention  # noqa: E402
from tests.docs.workshop import Workshop, own_network  # noqa: E402

ALL = [line for page in pages() for line in command_lines(page)]
MENTIONED = [line for page in pages() for line in spoken(page)]
KNOWN = {*commands.ENDS, *commands.GOES_ON, *commands.QUICKER}
HARMLESS = {*OURS, "cat", "cp", "curl", "jq", "ls", "mkdir", "cd"}
"""What may be run without standing in a table."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with own_network() as network:
        workshop = Workshop(tmp_path_factory.mktemp("workshop"), network)
        workshop.furnish()
        try:
            yield workshop
            workshop.close()
        finally:
            workshop.kill()


def excuse(line: CommandLine) -> str | None:
    """Why it is not run."""
    if line.text in KNOWN:
        return None
    return next((reason for pattern, reason in commands.EXCUSED.items() if re.match(pattern, line.text)), None)


def stranger(line: CommandLine) -> str | None:
    """What to say of a command line that is neither known nor harmless."""
    names = {words[0] for words in programs(line.text)} - HARMLESS
    if line.text in KNOWN or excuse(line) is not None or not names:
        return None
    return (
        f"{line}\n{', '.join(sorted(names))} is not run unasked: put the line into ENDS, GOES_ON, QUICKER or EXCUSED "
        "of tests/docs/commands.py, or, if it is no command line, its beginning into NOT_SHELL of command_lines.py"
    )


@pytest.mark.parametrize("line", ALL, ids=str)
def test_every_command_is_run_or_excused(line: CommandLine) -> None:
    assert stranger(line) is None, stranger(line)


def test_a_stranger_is_not_run_and_it_is_said_what_to_add() -> None:
    told = stranger(CommandLine("docs/new.md", 7, "inspectd check line.toml && frobnicate --now"))
    assert told is not None
    assert re.search(r"docs/new\.md:7.*\nfrobnicate is not run unasked.* EXCUSED", told)


@pytest.mark.parametrize("line", ALL, ids=str)
def test_every_command_is_understood(line: CommandLine) -> None:
    for words in programs(line.text):
        if words[0] in OURS:
            parse(words)


@pytest.mark.parametrize("line", MENTIONED, ids=str)
def test_every_command_in_running_text_exists_with_its_options(line: CommandLine) -> None:
    for words in programs(line.text):
        if words[0] in OURS:
            parse_mention(words)


@pytest.mark.parametrize("page", [page for page in pages() if command_lines(page)], ids=name_of)
def test_every_command_runs(page: Path, workshop: Workshop) -> None:
    name = name_of(page)
    if name in commands.WANT_A_NETWORK and not workshop.has_network:
        pytest.skip("this machine allows no network of one's own, and the page's commands reach for its addresses")
    workshop.show("pictures/good")
    workshop.place = workshop.folder
    if name in commands.BEFORE:
        commands.BEFORE[name](workshop)
    for line in command_lines(page):
        if excuse(line) is None:
            try:
                run(workshop, line)
            except AssertionError as error:
                pytest.fail(
                    f"{line}\n{error}\nIf it cannot do otherwise here: tests/docs/commands.py tells what to add."
                )
    if any(line.text in commands.GOES_ON and commands.GOES_ON[line.text].stays for line in command_lines(page)):
        workshop.close()


def run(workshop: Workshop, line: CommandLine) -> None:
    text = commands.QUICKER.get(line.text, line.text)
    how = commands.GOES_ON.get(line.text)
    if how is None:
        _run_to_its_end(workshop, line, text)
    elif how.stays:
        workshop.start(text, how.shows)
    else:
        workshop.watch(text, how.shows)


def _run_to_its_end(workshop: Workshop, line: CommandLine, text: str) -> None:
    assert stranger(line) is None, stranger(line)
    names = {words[0] for words in programs(text)}
    if missing := sorted(name for name in names - {*OURS, "cd"} if shutil.which(name) is None):
        print(f"{line}: not run, there is no {missing[0]} here")
        return
    expected = commands.ENDS.get(line.text, commands.Ends())
    code, said = workshop.run(text)
    assert code == expected.code, f"it ended with {code}, not {expected.code}, and said:\n{said}"
    assert re.search(expected.shows, said, re.MULTILINE), f"it has not shown '{expected.shows}', but said:\n{said}"


def test_the_tables_name_what_is_there() -> None:
    texts = {line.text for line in ALL}
    assert texts >= KNOWN
    assert set(commands.BEFORE) <= {name_of(page) for page in pages()}
    for pattern in commands.EXCUSED:
        assert any(re.match(pattern, text) for text in texts), f"nothing is excused by '{pattern}'"
