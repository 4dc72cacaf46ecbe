"""An RTSP server with one stream of an even colour, as a process of its own: `python -m … PORT CODEC`."""

from __future__ import annotations

import sys

from inspectd.cameras.introspection import load

ENCODERS = {
    "h264": "openh264enc gop-size=10 ! h264parse ! rtph264pay",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! h265parse ! rtph265pay",
}
SCENE = (
    "videotestsrc is-live=true pattern=solid-color foreground-color=0xffc83c14 "
    "! video/x-raw,width=176,height=144,framerate=25/1 ! videoconvert"
)


def main() -> None:
    """Serve until killed."""
    port, codec = sys.argv[1:]
    gst, glib, rtsp = load("Gst", "1.0"), load("GLib", "2.0"), load("GstRtspServer", "1.0")
    gst.init(None)
    server, factory = rtsp.RTSPServer.new(), rtsp.RTSPMediaFactory.new()
    factory.set_launch(f"( {SCENE} ! {ENCODERS[codec]} name=pay0 config-interval=-1 )")
    factory.set_shared(True)
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.get_mount_points().add_factory("/line", factory)
    if not server.attach(None):
        raise SystemExit(f"port {port} cannot be had")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    glib.MainLoop().run()


if __name__ == "__main__":
    main()
