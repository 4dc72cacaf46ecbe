"""GStreamer for the tests of this folder, which are skipped where it is absent."""

from __future__ import annotations

import pytest

from inspectd.cameras.gst.runtime import Runtime, load_runtime
from inspectd.errors import CameraError

NEEDED = ("avdec_h264", "h264parse", "openh264enc", "rtph264pay", "rtspsrc", "videotestsrc", "x265enc")


@pytest.fixture(scope="session")
def gstreamer() -> Runtime:
    try:
        runtime = load_runtime()
    except CameraError as error:
        pytest.skip(str(error))
    missing = [name for name in NEEDED if not runtime.has(name)]
    if missing:
        pytest.skip(f"GStreamer has no {', '.join(missing)}; tools/setup/debian-packages.sh installs it")
    return runtime
