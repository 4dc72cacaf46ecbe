"""README's picture: `python -m tools.docs.demo_picture` runs the demonstration's daemon and draws what it said."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2

from tools.demo.__main__ import SEED
from tools.demo.bundle import shipped_bundle
from tools.demo.outcome import match
from tools.demo.picture import write_picture
from tools.demo.scene import web_scene
from tools.demo.show import inspect_scene, set_up
from tools.docs.pages import ROOT

PICTURE = ROOT / "docs" / "pictures" / "demo.png"
FRAMES, PANELS, COLUMNS = 12, 4, 2
COARSE = 4
"""Colours are told to so many of 255: the camera's noise does not compress."""


def main() -> None:
    """Inspect some frames of the moving wall, and draw defects that were found and a good frame that passed."""
    with tempfile.TemporaryDirectory(prefix="inspectd-picture-") as scratch:
        workspace = Path(scratch)
        scene = web_scene(workspace, FRAMES, SEED)
        heard = inspect_scene(set_up(workspace, scene, shipped_bundle(), 0.0), scene, lambda _: None)
        right = [each for each in match(scene, heard.verdicts) if not each.wrong]
        drawn = workspace / "drawn.png"
        write_picture(drawn, right, heard.maps, PANELS, COLUMNS)
        picture = cv2.imread(str(drawn))
        assert picture is not None
        cv2.imwrite(str(PICTURE), picture // COARSE * COARSE + COARSE // 2, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"wrote {PICTURE.relative_to(ROOT)}, {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
