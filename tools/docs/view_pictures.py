"""The live view's pictures: `python -m tools.docs.view_pictures` runs a daemon on four cameras, the viewer beside it,
and a browser that looks. Needs Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tools.demo.bundle import shipped_bundle
from tools.demo.scene import web_scene
from tools.docs.pages import ROOT
from tools.errors import ToolsError
from tools.trial_daemon import free_addresses, trial_daemon

PICTURES: Final = ROOT / "docs" / "pictures"
CAMERAS: Final = {"left": 0.5, "middle": 0.6, "right": 0.7, "edge": 0.8}
"""Frames a second."""
FRAMES: Final = 40
"""Different ones of a camera."""
LOOKS: Final = (
    ("view-1280x800.png", 1280, 800, "dark"),
    ("view-820x1180.png", 820, 1180, "dark"),
    ("view-light-1280x800.png", 1280, 800, "light"),
)
VERDICTS: Final = 120
"""That the page has before it is drawn; the strip of the smallest page has room for a few more."""
START_S: Final = 30.0
"""For the viewer to start."""
PATIENCE_MS: Final = 120_000
READY: Final = f"""() => document.querySelectorAll(".cell.PASS, .cell.FAIL").length >= {VERDICTS}
  && document.querySelectorAll(".tile.FAIL").length >= 1 && document.querySelectorAll(".tile.PASS").length >= 2
  && !document.querySelector(".tile.old") && document.querySelector("#detail .badge.FAIL")"""
"""Some defects, as on a line that runs, and every verdict of now."""


def main() -> None:
    """Write them all."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise ToolsError("no Chromium; install it with tools/setup/debian-packages.sh --tests")
    with (
        tempfile.TemporaryDirectory(prefix="inspectd-pictures-") as scratch,
        _viewer(Path(scratch)) as page,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, width, height, scheme in LOOKS:
            _draw(browser, page, PICTURES / name, (width, height), light=scheme == "light")
        browser.close()


def _draw(browser: Browser, address: str, file: Path, size: tuple[int, int], *, light: bool) -> None:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="light" if light else "dark"
    )
    page = context.new_page()
    _open(page, address)
    page.wait_for_function(READY, timeout=PATIENCE_MS, polling=100)
    page.screenshot(path=file)
    context.close()
    print(f"wrote {file.relative_to(ROOT)}, {file.stat().st_size / 1000:.0f} kB")


def _open(page: Page, address: str) -> None:
    """Load the page as soon as the viewer answers."""
    end_s = time.monotonic() + START_S
    while True:
        try:
            page.goto(address)
        except PlaywrightError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.2)
        else:
            return


@contextmanager
def _viewer(workspace: Path) -> Iterator[str]:
    """A daemon and its viewer; gives the page's address."""
    names = ("verdicts", "maps", "replay", "pictures")
    *published, control, listen = free_addresses(len(names) + 2)
    addresses = dict(zip(names, published, strict=True))
    configuration = workspace / "inspectd.toml"
    configuration.write_text(_configuration(workspace, addresses, control))
    listen = listen.removeprefix("tcp://")
    options = [text for name, address in addresses.items() for text in (f"--{name}", address)]
    command = [sys.executable, "-m", "inspectd.cli", "view", "--listen", listen, *options]
    with trial_daemon(configuration, workspace / "daemon.log"), subprocess.Popen(command) as viewer:  # noqa: S603 - our own program
        try:
            yield f"http://{listen}"
        finally:
            viewer.terminate()


def _configuration(workspace: Path, addresses: dict[str, str], control: str) -> str:
    published = "".join(f"{name} = {json.dumps(address)}\n" for name, address in addresses.items())
    cameras = ""
    for seed, (name, rate_hz) in enumerate(CAMERAS.items()):
        frames = web_scene(workspace / name, FRAMES, seed).frames
        source = json.dumps(f"images:{frames}")
        cameras += f"[cameras.{name}]\nsource = {source}\nrate_hz = {rate_hz}\nloop = true\nmm_per_px = 0.5\n"
        cameras += "deadline_ms = 10000\n"
    return f"""\
publisher = "line-3"
[model]
bundle = {json.dumps(str(shipped_bundle()))}
[publish]
{published}
[control]
address = {json.dumps(control)}
[metrics]
address = ""
[journal]
path = {json.dumps(str(workspace / "journal.db"))}
{cameras}"""


if __name__ == "__main__":
    main()
