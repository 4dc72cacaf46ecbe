"""Finds the command lines in a page of documentation."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("inspectd", "inspectd-train")
SHELL = {"sh", "bash", "shell", "console"}
"""Languages of fenced blocks that hold command lines; so does every indented block."""
NOT_SHELL = {
    r"\[[\w.]+\]$": "a table of TOML, or a section of a unit",
    r"SUBSYSTEM==": "a rule of udev",
    r"\d+  part ": "what inspectd watch shows",
    r"name +surface +id": "what inspectd models list shows",
    r"web \(scores": "what systemctl status shows",
    r"archive/\d": "names of files",
    r"INSPECTD_\w+=--": "a line of an environment file",
}
"""First lines of paragraphs that are something else. A fence with another language, as ```text, does as well."""
_COMMENT = re.compile(r"(^|\s+)# .*$")
_HERE_DOCUMENT = re.compile(r"<<-?\s*['\"]?(\w+)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True)
class CommandLine:
    """A command as the reader copies it."""

    page: str
    line: int
    text: str
    """Without its comment; a line that goes on is on one."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


@dataclass(frozen=True)
class _Line:
    number: int
    text: str


def pages() -> list[Path]:
    """Everything a user reads; decisions are for those who build it."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs").glob("examples/*/*.md"))]


def name_of(page: Path) -> str:
    """How messages and tables call a page."""
    return str(page.relative_to(ROOT))


def command_lines(page: Path) -> list[CommandLine]:
    """Those in its blocks, in their order."""
    lines = [_Line(number, text) for number, text in enumerate(page.read_text().splitlines(), 1)]
    return [command for block in _blocks(lines) for command in _commands(name_of(page), block)]


def spoken(page: Path) -> list[CommandLine]:
    """Our own commands in running text and in tables, between backquotes; they may leave out what does not matter."""
    text = re.sub(r"^```.*?^```$", lambda block: "\n" * block[0].count("\n"), page.read_text(), flags=re.M | re.S)
    return [
        CommandLine(name_of(page), text.count("\n", 0, found.start()) + 1, " ".join(found[1].split()))
        for found in re.finditer(r"(?<!`)`([^`]+)`(?!`)", text)
        if re.match(rf"(sudo )?({'|'.join(OURS)}) ", " ".join(found[1].split()) + " ")
    ]


def programs(text: str) -> list[list[str]]:
    """The words of each program of a command line, without redirections, `sudo` and assignments."""
    head = text.partition("\n")[0]
    lexer = shlex.shlex(head, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            found.append([])
        else:
            found[-1].append(word)
    return [stripped for words in found if (stripped := _program(words))]


def _program(words: list[str]) -> list[str]:
    cut = next((index for index, word in enumerate(words) if set(word) <= set("<>")), len(words))
    words = words[:cut]
    while words and (words[0] == "sudo" or _ASSIGNMENT.match(words[0])):
        words = words[3:] if words[1:2] == ["-u"] else words[1:]
    return [words[0].rpartition("/")[2] if words[0].endswith(OURS) else words[0], *words[1:]] if words else []


def _blocks(lines: list[_Line]) -> Iterator[list[_Line]]:
    """Fenced blocks in a shell's language, and indented ones that are not known as something else."""
    fence: str | None = None
    block: list[_Line] = []
    for line in [*lines, _Line(len(lines) + 1, "end")]:
        if line.text.lstrip().startswith("```"):
            if fence is None:
                fence = line.text.strip("` ")
            else:
                if fence in SHELL:
                    yield block
                fence, block = None, []
        elif fence is not None:
            block.append(line)
        elif line.text.startswith("    ") or (block and not line.text.strip()):
            block.append(replace(line, text=line.text[4:]))
        elif block:
            yield block
            block = []


def _commands(page: str, block: list[_Line]) -> Iterator[CommandLine]:
    rest = iter(block)
    begins = True
    for line in rest:
        if begins and any(re.match(pattern, line.text) for pattern in NOT_SHELL):
            _skip_paragraph(rest)
            continue
        begins = not line.text.strip()
        text = line.text.removeprefix("$ ")
        while text.endswith("\\"):
            text = text[:-1].rstrip() + " " + next(rest).text.strip()
        text = _without_comment(text)
        if end := _HERE_DOCUMENT.search(text):
            for following in rest:
                text += "\n" + following.text
                if following.text == end[1]:
                    break
        if text:
            yield CommandLine(page, line.number, text)


def _skip_paragraph(rest: Iterator[_Line]) -> None:
    for line in rest:
        if not line.text.strip():
            return


def _without_comment(text: str) -> str:
    found = _COMMENT.search(text)
    return text if found is None or text[: found.start()].count("'") % 2 else text[: found.start()].strip()
