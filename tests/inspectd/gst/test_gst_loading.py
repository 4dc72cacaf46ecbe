"""How GStreamer gets into a process, and what is said of packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inspectd.cameras.gst.packages import CAMERA_PACKAGES, missing_elements, package_of
from inspectd.cameras.gst.runtime import Runtime
from inspectd.cameras.introspection import load
from tests.inspectd.gst.conftest import NEEDED

ROOT = Path(__file__).parents[3]
READ_ONE = """
from inspectd.cameras.gst.driver import GstDriver
from inspectd.settings import GstCamera
import sys
assert "gi" not in sys.modules
scene = "videotestsrc num-buffers=1 pattern=solid-color foreground-color=0xffc83c14"
text = f"gst:{scene} ! video/x-raw,format=RGB,width=101"
camera = GstDriver(GstCamera(source=text, live=False), block=True)
camera.open()
print(camera.read().pixels.mean((0, 1)), type(camera._mapped.data).__name__, sys.modules["gi"].__file__)
camera.close()
"""
"""A colour, what it is read from, and whose `gi` it was."""


def read_one(**environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", READ_ONE], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout


def test_pixels_are_not_copied_out_of_gstreamer(gstreamer: Runtime) -> None:
    pytest.importorskip("gi.overrides.Gst", reason="python3-gst-1.0 is not installed")
    assert read_one().startswith("[200.  60.  20.] memoryview")


def test_pygobject_alone_will_do(gstreamer: Runtime, tmp_path: Path) -> None:
    """As from PyPI, without Debian's python3-gst-1.0."""
    load("Gst", "1.0")
    installed = Path(str(sys.modules["gi"].__file__)).parent
    without = shutil.ignore_patterns("Gst*.py", "_gi_gst*", "__pycache__")
    shutil.copytree(installed, tmp_path / "gi", ignore=without)
    told = read_one(PYTHONPATH=str(tmp_path))
    assert told.startswith("[200.  60.  20.] bytes")
    assert str(tmp_path) in told


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg: not Debian")
@pytest.mark.parametrize(
    "element", [*NEEDED, "appsink", "bayer2rgb", "decodebin", "jpegdec", "rtph264depay", "v4l2src"]
)
def test_the_package_that_is_named_is_the_one(gstreamer: Runtime, element: str) -> None:
    file = gstreamer.gst.ElementFactory.find(element).get_plugin().get_filename()
    # A merged /usr has two names for a file, of which dpkg knows one.
    names = [file, file.removeprefix("/usr"), f"/usr{file}"]
    owner = subprocess.run(["dpkg", "--search", *names], capture_output=True, text=True, check=False).stdout
    if not owner:
        pytest.skip(f"{file} is of no package")
    assert package_of(element) == owner.partition(":")[0]


def test_what_is_missing_is_told_with_its_packages() -> None:
    assert "sudo apt install gstreamer1.0-libav gstreamer1.0-plugins-good" in missing_elements(
        ["avdec_h265", "rtspsrc"]
    )
    assert missing_elements(["nvv4l2decoder"]).endswith("sudo apt install nvidia-l4t-gstreamer")
    assert "misspelt" in missing_elements(["rtspsrk"])


def test_the_script_installs_what_cameras_need() -> None:
    script = (ROOT / "tools" / "setup" / "debian-packages.sh").read_text().split()
    guide = (ROOT / "docs" / "cameras.md").read_text().split()
    assert set(CAMERA_PACKAGES) <= set(script)
    assert set(CAMERA_PACKAGES) <= set(guide)
