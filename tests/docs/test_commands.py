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
HARMLESS = {*OURS, "cat", "cp", "curl", "jq", "ls", "mkdir", "cd", "make", "node", "npm", "python", "xdg-open"}
"""What may be run without standing in a table."""


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    with own_network() as network:
        workshop = Workshop(tmp_path, network)
        workshop.furnish()
        try:
            yield workshop
        finally:
            workshop.kill()


def excuse(line: CommandLine) -> str | None:
    """Why it is not run."""
    return next((reason for pattern, reason in commands.EXCUSED.items() if re.match(pattern, line.text)), None)


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
    commands.BEFORE.get(name_of(page), lambda _: None)(workshop)
    for line in command_lines(page):
        if excuse(line) is None:
            try:
                run(workshop, line)
            except AssertionError as error:
                pytest.fail(f"{line}\n{error}\nIf it cannot do otherwise here: tests/docs/commands.py tells what to add.")
    workshop.close()


def run(workshop: Workshop, line: CommandLine) -> None:
    text = commands.QUICKER.get(line.text, line.text)
    for words in programs(text):
        if shutil.which(words[0]) is None and words[0] not in {*OURS, "cd"}:
            print(f"{line}: not run, there is no {words[0]} here")
            return
    how = commands.GOES_ON.get(line.text)
    if how is None:
        known = line.text in commands.ENDS or line.text in commands.QUICKER
        unknown = {words[0] for words in programs(text)} - HARMLESS
        assert known or not unknown, f"{', '.join(unknown)} is not run unasked; put the line into a table"
        expected = commands.ENDS.get(line.text, commands.Ends())
        code, said = workshop.run(text)
        assert code == expected.code, f"it ended with {code}, not {expected.code}, and said:\n{said}"
        assert re.search(expected.shows, said, re.MULTILINE), f"it has not shown '{expected.shows}', but said:\n{said}"
    elif how.stays:
        workshop.start(text, how.shows)
    else:
        workshop.watch(text, how.shows)


def test_the_tables_name_what_is_there() -> None:
    texts = {line.text for line in ALL}
    assert {*commands.ENDS, *commands.GOES_ON, *commands.QUICKER} <= texts
    assert set(commands.BEFORE) <= {name_of(page) for page in pages()}
    for pattern in commands.EXCUSED:
        assert any(re.match(pattern, text) for text in texts), f"nothing is excused by '{pattern}'"
