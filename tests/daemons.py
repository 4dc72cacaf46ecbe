"""Daemons as processes of their own, for tests."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.bundle import Bundle

PORTS = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections, one of which could else take a port before it is bound."""
_WORKER, _WORKERS = (
    int(os.environ.get(name, default).removeprefix("gw"))
    for name, default in (("PYTEST_XDIST_WORKER", "gw0"), ("PYTEST_XDIST_WORKER_COUNT", "1"))
)
_OURS = PORTS[_WORKER::_WORKERS]
"""Tests that run at the same time share no port: one that is free may be given to another before it is used."""
_ports = itertools.islice(itertools.cycle(_OURS), os.getpid() * 37 % len(_OURS), None)
"""A run right after another begins elsewhere."""


def free_port() -> int:
    """A TCP port of this machine that nobody uses just now, and that was not given lately."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
    """Wait until something comes about."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)


@dataclass
class Configuration:
    """A configuration file in a folder of its own, with ports of its own."""

    folder: Path
    bundle: Bundle
    cameras: Mapping[str, Mapping[str, Any]]
    extra: str = ""

    def __post_init__(self) -> None:
        addresses = [f"tcp://127.0.0.1:{free_port()}" for _ in range(5)]
        self.verdicts, self.maps, self.replay, self.control, self.pictures = addresses
        self.metrics = f"127.0.0.1:{free_port()}"
        self.journal = self.folder / "journal.db"
        self.path = self.folder / "inspectd.toml"
        self.path.write_text(self._text())

    def _text(self) -> str:
        cameras = "".join(
            f"[cameras.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
            for name, settings in self.cameras.items()
        )
        return f"""
publisher = "test"
{self.extra}
[model]
bundle = "{self.bundle.path}"
[engine]
threads = 1
[publish]
verdicts = "{self.verdicts}"
maps = "{self.maps}"
replay = "{self.replay}"
pictures = "{self.pictures}"
[control]
address = "{self.control}"
[metrics]
address = "{self.metrics}"
[journal]
path = "{self.journal}"
{cameras}
"""

    def verdicts_in_journal(self) -> list[dict[str, Any]]:
        """Every verdict that is durable, by sequence."""
        if not self.journal.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT message FROM verdicts ORDER BY sequence").fetchall()
        return [json.loads(row[0]) for row in rows]


class RunningDaemon:
    """`inspectd run` as a process; killed at the end of the block if it still lives."""

    def __init__(
        self,
        configuration: Configuration,
        *arguments: str,
        program: Sequence[str] = ("-m", "inspectd.cli", "run"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.configuration = configuration
        self.log = configuration.folder / "daemon.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, str(configuration.path), *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})},
            )

    def __enter__(self) -> RunningDaemon:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def wait_for_verdicts(self, count: int, timeout_s: float = 60.0) -> None:
        """Wait until the journal holds at least so many."""

        def enough() -> bool:
            assert self.process.poll() is None or self.journaled() >= count, self.log.read_text()
            return self.journaled() >= count

        wait_until(enough, f"{count} verdicts", timeout_s)

    def journaled(self) -> int:
        """Verdicts in the journal."""
        try:
            return len(self.configuration.verdicts_in_journal())
        except sqlite3.OperationalError:  # not created yet
            return 0

    def said(self) -> list[dict[str, Any]]:
        """What it has logged, an entry for each whole line."""
        whole, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def terminate(self, timeout_s: float = 30.0) -> int:
        """SIGTERM, and wait for the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 60.0) -> int:
        """Wait for the exit code."""
        return self.process.wait(timeout_s)
