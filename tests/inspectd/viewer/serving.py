"""`inspectd view` as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from inspectd.viewer.sources import Sources
from tests.daemons import free_port, wait_until

TOKEN = "correct-horse-battery-staple"  # noqa: S105 - a test's


@contextmanager
def served(
    sources: Sources, folder: Path, *options: str, token: bool = False, host: str = "127.0.0.1", port: int | None = None
) -> Iterator[httpx.Client]:
    """The viewer, and a browser that has not asked for anything yet."""
    address = f"{host}:{port or free_port()}"
    if token:
        (folder / "token").write_text(TOKEN + "\n")
        options = (*options, "--token-file", str(folder / "token"))
    addresses = {name: getattr(sources, name) for name in ("verdicts", "maps", "pictures", "replay", "control")}
    given = [text for name, value in addresses.items() for text in (f"--{name}", value)]
    process = subprocess.Popen([sys.executable, "-m", "inspectd.cli", "view", "--listen", address, *given, *options])
    base = f"http://127.0.0.1:{address.rpartition(':')[2]}"
    try:
        with httpx.Client(base_url=base, headers={"Origin": base}, timeout=20) as browser:
            wait_until(lambda: process.poll() is not None or answers(browser), "the viewer")
            assert process.poll() is None
            yield browser
    finally:
        process.terminate()
        assert process.wait(20) in {0, -15}


def answers(browser: httpx.Client) -> bool:
    try:
        return browser.get("/").status_code == 200
    except httpx.TransportError:
        return False


def state(browser: httpx.Client) -> dict[str, Any]:
    """What the page is told."""
    answer = browser.get("/state")
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


def enter(browser: httpx.Client, token: str = TOKEN) -> httpx.Response:
    """Enter a token."""
    return browser.post("/session", json={"token": token})
