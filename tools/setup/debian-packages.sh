#!/usr/bin/env bash
# Installs what cameras need on Debian, Ubuntu and Jetson Linux; with --tests, also what their tests need.
set -euo pipefail

packages=(
    # GStreamer (docs/cameras.md)
    python3-gst-1.0
    gstreamer1.0-plugins-base
    gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad
    gstreamer1.0-libav
    # Aravis: GigE Vision and USB3 Vision
    gir1.2-aravis-0.8
)
if [ "${1:-}" = --tests ]; then
    # systemd for systemd-analyze; nothing of it is started
    # mosquitto: a broker for the MQTT bridge
    # gcc, libc6-dev: libraries that faults are injected with; e2fsprogs, util-linux: small file systems for them
    # chromium: a browser for the live view
    packages+=(gir1.2-gst-rtsp-server-1.0 systemd mosquitto chromium gcc libc6-dev e2fsprogs util-linux)
    # The example subscribers in C and C# (docs/examples)
    packages+=(make pkg-config libzmq3-dev libcjson-dev mono-mcs libnewtonsoft-json-cil-dev)
fi

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"
