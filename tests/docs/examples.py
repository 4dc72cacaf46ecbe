"""The example subscribers in other languages: built as their page says, and run beside a daemon."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.daemons import wait_until
from tests.docs.command_lines import ROOT, command_lines

EXAMPLES = ROOT / "docs" / "examples"
PAGE = EXAMPLES / "README.md"
BUILD_S = 60
TIMED_OUT = 124
"""How `timeout` ends then."""
OFFLINE = re.compile(r"ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT|ENOTCACHED|ENETUNREACH")
NUMBERED = re.compile(r"(\d+) (verdict|part|change) ")


@dataclass(frozen=True)
class Language:
    """An example: the folder it is in, what building it needs, and settings that make the build stricter or quicker."""

    folder: str
    programs: Sequence[str]
    libraries: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """One that is built, and how it is run."""

    command: Sequence[str]
    folder: Path

    def run(self, *arguments: str) -> Subscriber:
        """Start it."""
        return Subscriber(self.command, self.folder, *arguments)


NODE = Language(
    "node",
    ("node", "npm"),
    environment={
        "npm_config_prefer_offline": "true",
        "npm_config_audit": "false",
        "npm_config_update_notifier": "false",
        "npm_config_fetch_retries": "0",
    },
)
C = Language(
    "c",
    ("cc", "make", "pkg-config"),
    ("libzmq", "libcjson"),
    {"CFLAGS": "-O1 -g -Werror -fsanitize=address,undefined -fno-sanitize-recover"},
)
CSHARP = Language("csharp", ("mcs", "mono", "pkg-config"), ("libzmq", "newtonsoft-json"))
LANGUAGES = (NODE, C, CSHARP)


class LackingError(Exception):
    """What this machine has not, in words."""


def built(language: Language, folder: Path) -> Example:
    """Build a copy in `folder` as the page says.

    Raises:
        LackingError: this machine has not all it takes.
    """
    _check(language)
    shutil.copytree(EXAMPLES / language.folder, folder, ignore=shutil.ignore_patterns("node_modules"))
    *build, run = _commands(language)
    for command in build:
        _build(language, command, folder)
    return Example(shlex.split(run), folder)


def _build(language: Language, command: str, folder: Path) -> None:
    settings = [f"{name}={value}" for name, value in language.environment.items()]
    log = folder / "build.log"  # no pipe: a build given up may leave processes that hold it
    with log.open("w") as output:
        code = subprocess.run(
            ["timeout", str(BUILD_S), "env", *settings, *shlex.split(command)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        ).returncode
    said = log.read_text()
    if command.startswith("npm ") and (code == TIMED_OUT or OFFLINE.search(said)):
        raise LackingError("the packages that it needs can neither be fetched nor are they in npm's cache")
    assert code == 0, f"{command}: {said}"


def _commands(language: Language) -> list[str]:
    """The command lines of the page in the example's folder: those that build it, and the one that runs it."""
    lines = [command.text for command in command_lines(PAGE)]
    begin = lines.index(f"cd docs/examples/{language.folder}") + 1
    rest = [index for index, line in enumerate(lines) if index > begin and line.startswith(("cd ", "sudo "))]
    return lines[begin : rest[0] if rest else len(lines)]


def _check(language: Language) -> None:
    for program in language.programs:
        if shutil.which(program) is None:
            raise LackingError(f"there is no {program}")
    for library in language.libraries:
        if subprocess.run(["pkg-config", "--exists", library], check=False).returncode != 0:
            raise LackingError(f"pkg-config knows no {library}")


class Subscriber:
    """An example that runs, and the lines that it has told so far; killed at the end of the block."""

    def __init__(self, command: Sequence[str], folder: Path, *arguments: str) -> None:
        self.lines: list[str] = []
        self._command = [*command, *arguments]
        self._process = subprocess.Popen(
            self._command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._reader.join()
        assert self._process.stderr is not None
        complaints = self._process.stderr.read()
        self._process.communicate()
        assert error is not None or complaints == ""

    def wait_for(self, beginning: str, times: int = 1, timeout_s: float = 30.0) -> None:
        """Wait until so many lines begin with this."""

        def told() -> bool:
            assert self._process.poll() is None, f"ended with {self._process.returncode}, told {self.lines[-5:]}"
            return sum(line.startswith(beginning) for line in self.lines) >= times

        wait_until(told, f"'{beginning}' from {shlex.join(self._command)}", timeout_s)

    def stop(self) -> None:
        """It takes nothing any more, as if it were busy."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It may run again."""
        self._process.send_signal(signal.SIGCONT)

    def numbered(self) -> list[str]:
        """What it told of verdicts, parts and changes."""
        return [line for line in self.lines if NUMBERED.match(line)]

    def numbers(self) -> list[int]:
        """Their sequence numbers."""
        return [int(line.split()[0]) for line in self.numbered()]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
