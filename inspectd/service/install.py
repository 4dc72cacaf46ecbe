"""Installing the service: units, user, directories and udev rules, with this interpreter's path in the units.

Files of ours carry the hash of their text in the first line. So one that somebody has changed is told from one of an
earlier release, which may be replaced.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import BaseModel

import inspectd
from inspectd.errors import OutputError, ServiceError, SettingsError
from inspectd.settings import Settings, load_settings

CONFIGURATIONS: Final = Path("/etc/inspectd")
DESTINATIONS: Final[Mapping[str, Path]] = {
    "inspectd.service": Path("/etc/systemd/system/inspectd.service"),
    "inspectd@.service": Path("/etc/systemd/system/inspectd@.service"),
    "inspectd-bridge@.service": Path("/etc/systemd/system/inspectd-bridge@.service"),
    "inspectd-view.service": Path("/etc/systemd/system/inspectd-view.service"),
    "sysusers.conf": Path("/etc/sysusers.d/inspectd.conf"),
    "tmpfiles.conf": Path("/etc/tmpfiles.d/inspectd.conf"),
    "udev.rules": Path("/etc/udev/rules.d/70-inspectd.rules"),
    "example.toml": CONFIGURATIONS / "inspectd.toml.example",
}
"""Where each of the files beside this module goes."""
SHIPPED_PYTHON: Final = "/opt/inspectd/bin/python"
"""What stands for the interpreter in the units as they are shipped."""
HIDDEN: Final = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - named, not used
"""What the units hide from the service (ProtectHome, PrivateTmp)."""

Command = tuple[str, ...]


@dataclass(frozen=True)
class Service:
    """The one service of this PC, or, with `instance`, one of several."""

    instance: str | None = None

    @property
    def unit(self) -> str:
        """Its unit's name."""
        return f"inspectd@{self.instance}.service" if self.instance else "inspectd.service"

    @property
    def configuration(self) -> Path:
        """The file that it reads."""
        return CONFIGURATIONS / f"{self.instance or 'inspectd'}.toml"


def contents(service: Service, config: Path | None) -> dict[Path, bytes]:
    """What is to lie where; `config` is the configuration to put in place.

    Raises:
        SettingsError: the configuration has problems, or the service could not reach what it names.
    """
    shipped = files("inspectd.service") / "files"
    texts = {
        destination: _stamped((shipped / name).read_text().replace(SHIPPED_PYTHON, sys.executable))
        for name, destination in DESTINATIONS.items()
    }
    if config is not None:
        _check_paths(config, load_settings(config))
        texts[service.configuration] = config.read_bytes()
    return texts


def check_reachable() -> None:
    """
    Raises:
        ServiceError: the service could not see this interpreter or this package.
    """
    for path in (Path(sys.executable), Path(sys.executable).resolve(), Path(inspectd.__file__)):
        problem = _hidden(path)
        if problem is not None:
            raise ServiceError(
                f"{path}: {problem}; install inspectd where it does, as with "
                "'python3 -m venv /opt/inspectd && /opt/inspectd/bin/pip install inspectd'"
            )


def changed_by_hand(wanted: Mapping[Path, bytes], prefix: Path) -> list[Path]:
    """The files that are there and would lose what somebody has written into them."""
    return [
        path
        for path, content in wanted.items()
        if (there := _read(_under(prefix, path))) is not None and there != content and not _is_as_written(there)
    ]


def install(wanted: Mapping[Path, bytes], prefix: Path, *, force: bool) -> list[Path]:
    """Write what is not there yet as wanted, below `prefix`, and return it.

    Raises:
        OutputError: a file cannot be written, or was changed by hand and `force` is not set; then none is written.
    """
    changed = changed_by_hand(wanted, prefix)
    if changed and not force:
        raise OutputError(
            f"{', '.join(map(str, changed))}: changed by hand; changes to a unit belong in a drop-in, which stays "
            "(systemctl edit). --force replaces what is there"
        )
    missing = [path for path, content in wanted.items() if _read(_under(prefix, path)) != content]
    for path in missing:
        _write(_under(prefix, path), wanted[path], private=path.suffix == ".toml")
    return missing


def preparing(service: Service) -> list[Command]:
    """The commands that make the files count."""
    return [
        ("systemd-sysusers", str(DESTINATIONS["sysusers.conf"])),
        ("systemd-tmpfiles", "--create", str(DESTINATIONS["tmpfiles.conf"])),
        ("udevadm", "control", "--reload"),
        ("systemctl", "daemon-reload"),
        ("systemctl", "enable", service.unit),
    ]


def starting(service: Service) -> list[Command]:
    """The commands that start it, or start it anew."""
    return [("systemctl", "restart", service.unit), ("systemctl", "status", "--no-pager", service.unit)]


def carry_out(commands: list[Command], tell: Callable[[str], None]) -> None:
    """Run commands one after the other, telling each before.

    Raises:
        ServiceError: one is not there or fails.
    """
    for command in commands:
        tell(" ".join(command))
        try:
            subprocess.run(command, check=True)  # noqa: S603 - our own commands, from the operator's PATH
        except FileNotFoundError as error:
            raise ServiceError(f"{command[0]}: no such program; is this a system with systemd?") from error
        except subprocess.CalledProcessError as error:
            raise ServiceError(f"'{' '.join(command)}' ended with code {error.returncode}") from error


def _stamped(text: str) -> bytes:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"# By inspectd install-service; the text below has the SHA-256 {digest}.\n{text}".encode()


def _is_as_written(content: bytes) -> bool:
    stamp, _, text = content.partition(b"\n")
    return hashlib.sha256(text).hexdigest().encode() in stamp


def _check_paths(config: Path, settings: Settings) -> None:
    problems = []
    for key, path in _paths(settings):
        problem = _hidden(path) if path.is_absolute() else "not an absolute path, which a service's must be"
        if problem is not None:
            problems.append(f"{config}: {key} = '{path}': {problem}")
    if problems:
        raise SettingsError("\n".join(problems))


def _paths(section: BaseModel | Mapping[str, object], above: str = "") -> Iterator[tuple[str, Path]]:
    for key, value in section if isinstance(section, BaseModel) else section.items():
        if isinstance(value, Path):
            yield above + key, value
        elif isinstance(value, BaseModel | Mapping):
            yield from _paths(value, f"{above}{key}.")
        elif key == "source" and isinstance(value, str) and value.startswith("images:"):
            yield above + key, Path(value.removeprefix("images:"))
        elif key == "path" and isinstance(value, str) and value:  # archive.path, where an empty text stands for none
            yield above + key, Path(value)


def _hidden(path: Path) -> str | None:
    """Why the service could not see a file, in words."""
    folder = next((folder for folder in HIDDEN if path.is_relative_to(folder)), None)
    return None if folder is None else f"the service sees nothing in {folder}"


def _under(prefix: Path, path: Path) -> Path:
    return prefix / path.relative_to("/")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}") from error


def _write(path: Path, content: bytes, *, private: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o640 if private else 0o644)
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; run this as root (sudo)") from error
