"""How the test runs each command line of the documentation.

A line that stands in no table here is run as it is, and must end well within a minute. Put it into

- `ENDS` where it must end otherwise, or what it shows matters,
- `GOES_ON` where it runs until it is stopped, as daemons do,
- `QUICKER` where it takes its time, with what stands for it in the test,
- `EXCUSED` where it cannot be run, with the reason; it is parsed all the same.

What a page takes for granted (a daemon that runs, what the camera sees) is prepared in `BEFORE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.docs.workshop import Workshop


@dataclass(frozen=True)
class Ends:
    """It ends by itself."""

    code: int = 0
    shows: str = ""
    """A pattern in what it says."""


@dataclass(frozen=True)
class GoesOn:
    """It runs until it is stopped."""

    shows: str
    """A pattern; once it has been said, the next command follows."""
    stays: bool = False
    """Whether it runs until the page is done, since later commands need it."""


INSPECTING = r"web.*running"
"""In the daemon's log."""
HANDS_OVER = "ready|available"
VERDICT = r"^ +\d+  \w+ #\d+ +(PASS|FAIL)"

ENDS: Mapping[str, Ends] = {
    "inspectd doctor": Ends(shows="ONNX Runtime"),
    ".venv/bin/inspectd doctor": Ends(shows="ONNX Runtime"),
    "inspectd doctor line.toml": Ends(shows="golden"),
    "inspectd check inspectd.toml": Ends(shows=r"^\[cameras.web\]"),
    "inspectd trigger 4711": Ends(shows='"kind":"trigger_accepted","part":"4711"'),
    "inspectd trigger 4711 --camera top --camera side --deadline-ms 400": Ends(shows=r'"cameras":\["top","side"\]'),
    "curl http://127.0.0.1:9590/metrics": Ends(shows="^inspectd_verdicts_total"),
    "curl http://127.0.0.1:9590/-/healthy": Ends(shows="inspecting"),
    "inspectd-train evaluate bundles/brick-0123456789abcdef --data pictures": Ends(shows="detection .* 100 %"),
}

GOES_ON: Mapping[str, GoesOn] = {
    "inspectd run inspectd.toml": GoesOn(INSPECTING, stays=True),
    "inspectd watch": GoesOn(VERDICT),
    "inspectd bridge modbus --listen 0.0.0.0 --camera top --camera side": GoesOn(HANDS_OVER),
    "inspectd bridge modbus --listen 0.0.0.0 --port 1502": GoesOn(HANDS_OVER),
    "inspectd bridge opcua --listen 0.0.0.0 --control tcp://127.0.0.1:5593": GoesOn(HANDS_OVER),
    "inspectd bridge opcua --listen 0.0.0.0 --port 4840": GoesOn(HANDS_OVER),
    "inspectd bridge mqtt --broker mes.local --topic factory/line-3": GoesOn("broker"),
    "inspectd bridge mqtt --broker mes.local --port 1883 --topic factory/line-3 --username line-3 --password-file pw": (
        GoesOn("broker")
    ),
}

QUICKER: Mapping[str, str] = {
    ".venv/bin/inspectd doctor": "inspectd doctor",
    "curl http://127.0.0.1:9590/-/healthy": "sleep 2 && curl http://127.0.0.1:9590/-/healthy",
    "inspectd bridge mqtt --broker mes.local --topic factory/line-3": (
        "inspectd bridge mqtt --broker 127.0.0.1 --topic factory/line-3"
    ),
    "inspectd bridge mqtt --broker mes.local --port 1883 --topic factory/line-3 --username line-3 --password-file pw": (
        "inspectd bridge mqtt --broker 127.0.0.1 --port 1883 --topic factory/line-3 --username line-3 --password-file pw"
    ),
    "inspectd-train fit --good pictures/good --surface brick --out bundles": (
        "inspectd-train fit --good small/good --surface paper --out bundles "
        "--method whitened --beside none --centroids 64 --magnify 1"
    ),
    "inspectd record line.toml web --out good --count 200 --every 0.5": (
        "inspectd record line.toml web --out recorded --count 20"
    ),
    "inspectd record line.toml web --out board --count 6 --every 3": (
        "ln -sfn boards seen && inspectd record line.toml web --out board --count 6"
    ),
    "inspectd record line.toml web --out white --count 30 --every 0.2": (
        "ln -sfn even/white seen && inspectd record line.toml web --out white --count 3"
    ),
    "inspectd record line.toml web --out dark --count 30": (
        "ln -sfn even/dark seen && inspectd record line.toml web --out dark --count 3"
    ),
    "inspectd-train build /var/lib/inspectd/bundles/brick-… --runtime onnx --precision int8 "
    "--images good --defective bad --cache /var/cache/inspectd": (
        "inspectd-train build /var/lib/inspectd/bundles/brick-… --runtime onnx --precision int8 "
        "--images good --defective bad --cache /var/cache/inspectd --at-most 8"
    ),
    "inspectd-train bench precision BUNDLE --cache /var/cache/inspectd --threads 1": (
        "inspectd-train bench precision bundles/brick-0123456789abcdef --cache /var/cache/inspectd --threads 1 "
        "--rounds 1 --seconds 0.5"
    ),
}

EXCUSED: Mapping[str, str] = {
    r"sudo |echo nvidia-uvm": "root, on a machine of its own",
    r"(\S*/)?pip (install|wheel)|python3 -m venv|export PATH=/usr/local/cuda": "installs packages",
    r"\./(demo|test)\b": "of the checkout, and run by its own test",
    r"inspectd-train build .*--runtime tensorrt_rtx": "takes minutes; tests/tools/build builds",
    r"\.venv/bin/python -m pytest": "runs tests itself",
    r"systemctl |journalctl ": "asks systemd",
    r"ls /dev/nvidia0": "asks for a GPU",
}
"""By a pattern at the beginning of the line."""


def line_runs(*cameras: str, also: str = "", journal: str = "journal.db") -> Callable[[Workshop], None]:
    """A daemon with these cameras."""

    def prepare(workshop: Workshop) -> None:
        workshop.configure("inspectd.toml", *cameras, also=also, journal=journal)
        workshop.start("inspectd run inspectd.toml", INSPECTING.replace("web", cameras[-1]))

    return prepare


def roll_was_inspected(workshop: Workshop) -> None:
    """Of a moving web, and the daemon goes on."""
    web = 'mm_per_px = 0.1\n[cameras.web.web]\ndirection = "down"\nspeed_mm_s = 300\n'
    line_runs("web", also=web, journal="var/lib/inspectd/journal.db")(workshop)
    workshop.watch("inspectd watch --since 1", VERDICT)


BEFORE: Mapping[str, Callable[[Workshop], None]] = {
    "docs/metrics.md": line_runs("web"),
    "docs/plc.md": line_runs("top", "side"),
    "docs/triggers.md": line_runs("top", "side"),
    "docs/web.md": roll_was_inspected,
}
"""By the page."""
