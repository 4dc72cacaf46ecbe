"""How the test runs each command line of the documentation.

A line that stands in no table here is run as it is, and must end well within a minute. Put it into

- `ENDS` where it must end otherwise, or what it shows matters,
- `GOES_ON` where it runs until it is stopped, as daemons do,
- `QUICKER` where it takes its time, with what stands for it in the test,
- `EXCUSED` where it cannot be run, with the reason; it is parsed all the same.

What a page takes for granted (a daemon that runs, what the camera sees) is prepared in `BEFORE`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.conftest import DATA
from tests.docs.workshop import LINE_PC, Workshop


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
HANDS_OVER = r'"status": \[("ready"|"behind")?\]'
"""In a bridge's log: neither silent nor repairing, whether or not somebody takes what it offers."""
BROKER = "connected|no broker"
VERDICT = r"^ +\d+  \w+ #\d+ +(PASS|FAIL)"

ENDS: Mapping[str, Ends] = {
    "inspectd doctor": Ends(shows="ONNX Runtime"),
    ".venv/bin/inspectd doctor": Ends(shows="ONNX Runtime"),
    "openssl rand -hex 16 > token && chmod 600 token": Ends(),
    "inspectd models list": Ends(shows=r"^winter +brick .*\n?"),
    "inspectd keys list": Ends(shows="^plc "),
    "inspectd doctor line.toml": Ends(shows="golden"),
    "inspectd replay --last 5": Ends(shows='"sequence":'),
    "inspectd check inspectd.toml": Ends(shows=r"^\[cameras.web\]"),
    "inspectd trigger 4711": Ends(shows='"kind":"trigger_accepted","part":"4711"'),
    "inspectd trigger 4711 --camera top --camera side --deadline-ms 400": Ends(shows=r'"cameras":\["top","side"\]'),
    "curl http://127.0.0.1:9590/metrics": Ends(shows="^inspectd_verdicts_total"),
    "curl http://127.0.0.1:9590/-/healthy": Ends(shows="inspecting"),
    "inspectd-train evaluate bundles/brick-0123456789abcdef --data pictures": Ends(shows="detection .* 100 %"),
}

GOES_ON: Mapping[str, GoesOn] = {
    "inspectd run inspectd.toml": GoesOn(INSPECTING, stays=True),
    "inspectd run line.toml": GoesOn(INSPECTING, stays=True),
    "inspectd watch": GoesOn(VERDICT),
    "inspectd watch --since 1": GoesOn(VERDICT),
    "inspectd bridge modbus --listen 0.0.0.0 --camera top --camera side": GoesOn(HANDS_OVER),
    "inspectd bridge modbus --listen 0.0.0.0 --port 1502": GoesOn(HANDS_OVER),
    "inspectd bridge opcua --listen 0.0.0.0 --control tcp://127.0.0.1:5593": GoesOn(HANDS_OVER),
    "inspectd bridge opcua --listen 0.0.0.0 --port 4840": GoesOn(HANDS_OVER),
    "inspectd bridge mqtt --broker mes.local --topic factory/line-3": GoesOn(BROKER),
    "inspectd bridge mqtt --broker mes.local --port 1883 --topic factory/line-3 --username line-3 --password-file pw": (
        GoesOn(BROKER)
    ),
    "inspectd view": GoesOn("serving"),
    "inspectd view --listen 0.0.0.0:8080 --token-file token": GoesOn("serving"),
    "sudo -u inspectd inspectd-train label /var/lib/inspectd/archive --who mara": GoesOn("label at"),
    "inspectd watch --verdicts tcp://192.168.10.5:5590 --keys plc.key_secret": GoesOn(VERDICT),
    "inspectd bridge modbus --verdicts tcp://192.168.10.5:5590 --replay tcp://192.168.10.5:5592 "
    "--keys plc.key_secret": GoesOn(HANDS_OVER),
}

SHORT = "--method mahalanobis --beside none --magnify 1"
QUICKER: Mapping[str, str] = {
    ".venv/bin/inspectd doctor": "inspectd doctor",
    "curl http://127.0.0.1:9590/-/healthy": "sleep 2 && curl http://127.0.0.1:9590/-/healthy",
    "inspectd bridge mqtt --broker mes.local --topic factory/line-3": (
        "inspectd bridge mqtt --broker 127.0.0.1 --topic factory/line-3"
    ),
    "inspectd bridge mqtt --broker mes.local --port 1883 --topic factory/line-3 --username line-3 --password-file pw": (
        "inspectd bridge mqtt --broker 127.0.0.1 --topic factory/line-3 --username line-3 --password-file pw"
    ),
    "inspectd-train fit --good pictures/good --surface brick --out bundles": (
        f"inspectd-train fit --good small/good --surface paper --out bundles {SHORT}"
    ),
    "inspectd-train fit --good pictures/good --surface brick --out bundles --false-rejects 0.002": (
        f"inspectd-train fit --good small/good --surface paper --out bundles {SHORT}"
    ),
    "inspectd-train fit --good good --surface first --out bundles --beside none": (
        "mkdir -p bundles && cp -r ../../first/first-* bundles"  # README.md fits; this page needs what comes of it
    ),
    "inspectd-train defects good --out sheet.png": "inspectd-train defects pictures/good --out sheet.png",
    "inspectd record line.toml web --out good --count 40": "inspectd record line.toml web --out good --count 8",
    "inspectd-train fit --good pictures/good --surface brick --labels /var/lib/inspectd/archive --out bundles": (
        f"inspectd-train fit --good small/good --surface brick --labels /var/lib/inspectd/archive --out bundles {SHORT}"
    ),
    "sudo -u inspectd inspectd-train label /var/lib/inspectd/archive --who mara": (
        "inspectd-train label /var/lib/inspectd/archive --who mara"
    ),
    'sudo inspectd models add bundles/brick-0123456789abcdef --name winter --note "clay of the new supplier"': (
        'inspectd models add bundles/brick-0123456789abcdef --name winter --note "clay"'
    ),
    "sudo inspectd models add bundles/brick-0123456789abcdef --name summer --config /etc/inspectd/inspectd.toml": (
        "inspectd models add bundles/brick-0123456789abcdef --name summer --config new.toml"
    ),
    'sudo inspectd models activate summer --why "new line" --config /etc/inspectd/inspectd.toml': (
        'inspectd models activate summer --why "new line" --config new.toml'
    ),
    'inspectd models activate winter --why "new supplier"': (  # which "promote" has activated
        'inspectd models rollback --why "it was promoted" && inspectd models activate winter --why "new supplier"'
    ),
    'inspectd models delete summer --why "no longer made"': (
        'inspectd models add old/brick-* --name old && inspectd models delete old --why "no longer made"'
    ),
    "sudo inspectd keys server": "inspectd keys server --keys other-keys",
    "sudo inspectd keys client plc --out plc.key_secret": (
        "inspectd keys client plc --out plc.key_secret --keys keys && cp plc.key_secret /etc/inspectd"
    ),
    "inspectd keys list": "inspectd keys list --keys keys",
    "sudo inspectd keys revoke laptop": "inspectd keys revoke laptop --keys keys",
    'inspectd-train report journal.db --since "2026-11-25 06:00" --until "2026-11-25 14:00" --out morning.html': (
        "inspectd-train report /var/lib/inspectd/journal.db --since \"$(date -d '-8 hours' '+%F %H:%M')\" "
        "--until \"$(date -d '+1 minute' '+%F %H:%M')\" --out morning.html"
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
    r"(\S*/)?pip (install|wheel|freeze)|python3 -m venv|export PATH=": "installs packages",
    r"\./(demo|test)\b": "of the checkout, and run by its own test",
    r"inspectd-train build .*--runtime tensorrt_rtx": "takes minutes; tests/tools/build builds",
    r"\.venv/bin/python -m pytest": "runs tests itself",
    r"python -m tests\.faults\.": "injects faults for minutes; tests/faults does so with fewer",
    r"systemctl |journalctl ": "asks systemd",
    r"nft ": "changes the firewall",
    r"ls /dev/nvidia0": "asks for a GPU",
}
"""By a pattern at the beginning of the line."""


LINE = "inspectd run etc/inspectd/inspectd.toml"
ON_A_WEB = 'mm_per_px = 0.1\n[cameras.web.web]\ndirection = "down"\nspeed_mm_s = 300\n'
KEEPS = '[archive]\npath = "/var/lib/inspectd/archive"\n'


def line_runs(workshop: Workshop) -> None:
    """A daemon with three cameras, a registry and an archive; all pages share it."""
    if workshop.goes_on(LINE):
        return
    registry = 'registry = "/var/lib/inspectd/models"'
    if not (workshop.folder / "new.toml").exists():
        workshop.configure("new.toml", "web", model='registry = "/var/lib/inspectd/new"')
        workshop.configure(
            "etc/inspectd/inspectd.toml",
            *("top", "side", "web"),
            model=registry,
            journal="var/lib/inspectd/journal.db",
            pictures="pictures/good",
            rate_hz=2,
            also=ON_A_WEB + KEEPS,
        )
        for order in ("add summer/brick-* --name summer", "activate summer --why begin"):
            code, said = workshop.run(f"inspectd models {order} --config etc/inspectd/inspectd.toml")
            assert code == 0, said
    workshop.start(LINE, INSPECTING)


def line_has_run(workshop: Workshop) -> None:
    """And there are verdicts."""
    line_runs(workshop)
    workshop.watch("inspectd watch --since 1", VERDICT)


def broker_runs(workshop: Workshop) -> None:
    """Beside the daemon, where there is one on this machine."""
    line_runs(workshop)
    if shutil.which("mosquitto") is not None and not workshop.goes_on("mosquitto -p 1883"):
        workshop.start("mosquitto -p 1883", "running")


def newcomer_has_pictures(workshop: Workshop) -> None:
    """Of a real surface where there is one, and nothing else."""
    workshop.close()
    real, made = DATA / "piped_pa_brg01_rl", workshop.folder
    good, bad = (real / "good", real / "impurity") if real.is_dir() else (made / "small" / "good", made / "bad")
    for name, source, count in (("good", good, 10), ("impurity", bad, 3)):
        pictures = workshop.folder / "home" / "first-surface" / "pictures" / name
        pictures.mkdir(parents=True)
        for picture in sorted(source.glob("*.png"))[:count]:
            shutil.copy(picture, pictures)


def line_with_keys_runs(workshop: Workshop) -> None:
    """A second daemon, on the address that other PCs reach, which asks for keys."""
    for order in ("server", "client laptop --out laptop.key_secret"):
        code, said = workshop.run(f"inspectd keys {order} --keys keys")
        assert code == 0, said
    addresses = "".join(
        f'{name} = "tcp://{LINE_PC}:{port}"\n' for name, port in (("verdicts", 5590), ("maps", 5591), ("replay", 5592))
    )
    also = (
        f'[security]\nkeys = "{workshop.folder}/keys"\n[publish]\npictures = ""\n{addresses}'
        f'[control]\naddress = "tcp://{LINE_PC}:5593"\n[metrics]\naddress = ""\n'
    )
    workshop.configure("keyed.toml", "web", journal="keyed.db", also=also)
    workshop.start("inspectd run keyed.toml", INSPECTING)


BEFORE: Mapping[str, Callable[[Workshop], None]] = {
    "README.md": Workshop.close,
    "docs/archive.md": line_has_run,
    "docs/false-alarms.md": line_has_run,
    "docs/first-surface.md": newcomer_has_pictures,
    "docs/install.md": Workshop.close,
    "docs/metrics.md": line_runs,
    "docs/models.md": line_runs,
    "docs/plc.md": broker_runs,
    "docs/security.md": line_with_keys_runs,
    "docs/service.md": Workshop.close,
    "docs/settings.md": Workshop.close,
    "docs/shift-report.md": line_has_run,
    "docs/triggers.md": line_runs,
    "docs/view.md": line_runs,
    "docs/web.md": line_has_run,
}
"""By the page. Those that try whether addresses are free, or start the daemon themselves, have the others ended."""

WANT_A_NETWORK = {"docs/security.md"}
"""Pages whose addresses there are only in a network of our own."""
