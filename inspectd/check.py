"""Looks at everything that a configuration names, without starting anything, and tells every problem at once."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import zmq
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_settings import EnvSettingsSource
from pydantic_settings import SettingsError as EnvironmentSettingsError

from engines.errors import EnginesError
from engines.manifest import TileGeometry
from inspectd.cameras.aravis.discovery import choose, discover, is_address
from inspectd.cameras.base import Picture
from inspectd.cameras.build import build_camera
from inspectd.cameras.gst.pipeline import build
from inspectd.cameras.gst.recipe import GstSettings, quoted, recipe_of
from inspectd.cameras.gst.runtime import load_runtime
from inspectd.cameras.opencv import TargetKind, target_kind
from inspectd.effective import effective_toml
from inspectd.errors import CameraError, InspectdError, JournalError, KeysError, PublishError, SettingsError, ViewError
from inspectd.journal import JournalReader, lock_holder
from inspectd.keys.store import KeyStore
from inspectd.models.configured import configured
from inspectd.settings import (
    AravisCamera,
    ArchiveSettings,
    CameraSettings,
    ControlSettings,
    ImagesCamera,
    JournalSettings,
    MetricsSettings,
    ModelSettings,
    PublishSettings,
    RtspCamera,
    SecuritySettings,
    Settings,
    V4l2Camera,
    load_settings,
)
from inspectd.settings.security import exposures
from inspectd.sockets import bind_problem, listening_socket
from inspectd.view.view import View, framing, load_view
from inspectd.web.web import SCALE_UNKNOWN

Section = TypeVar("Section", bound=BaseModel)


@dataclass(frozen=True)
class Checked:
    """What was found."""

    effective: str | None
    """The configuration in effect, TOML; None where it is not valid."""
    problems: tuple[str, ...]
    """In words, each with the key, the value and the way out."""
    notes: tuple[str, ...]
    """What could not be looked at, and why."""


def check(path: Path) -> Checked:
    """Check a configuration file, the environment, and what they name on this machine.

    Where a key is wrong, the sections that are right are looked at all the same.
    """
    problems: list[str] = []
    notes: list[str] = []
    effective = None
    try:
        settings = load_settings(path)
        effective = effective_toml(settings)
        notes += [f"security.insecure = true: {exposed}" for exposed in exposures(settings, settings.security)]
    except SettingsError as error:
        problems += str(error).splitlines()
    for kind, text in _look(_sections(path)):
        (notes if kind == "note" else problems).append(text)
    return Checked(effective, tuple(problems), tuple(notes))


Finding = tuple[str, str]
"""`problem` or `note`, and its text."""


@dataclass(frozen=True)
class _Sections:
    """The sections that are valid by themselves."""

    model: ModelSettings | None
    cameras: Mapping[str, CameraSettings]
    publish: PublishSettings | None
    control: ControlSettings | None
    metrics: MetricsSettings | None
    journal: JournalSettings | None
    archive: ArchiveSettings | None
    security: SecuritySettings | None


def _sections(path: Path) -> _Sections:
    try:
        merged = _merged(tomllib.loads(path.read_text()), EnvSettingsSource(Settings)())
    except (OSError, ValueError, EnvironmentSettingsError):
        return _Sections(None, {}, None, None, None, None, None, None)
    cameras = merged.get("cameras")
    found = {name: _camera(value) for name, value in cameras.items()} if isinstance(cameras, dict) else {}
    return _Sections(
        _valid(ModelSettings, merged.get("model")),
        {name: camera for name, camera in found.items() if camera is not None},
        _valid(PublishSettings, merged.get("publish", {})),
        _valid(ControlSettings, merged.get("control", {})),
        _valid(MetricsSettings, merged.get("metrics", {})),
        _valid(JournalSettings, merged.get("journal", {})),
        _valid(ArchiveSettings, merged.get("archive", {})),
        _valid(SecuritySettings, merged.get("security", {})),
    )


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _valid(model: type[Section], value: object) -> Section | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _camera(value: object) -> CameraSettings | None:
    adapter: TypeAdapter[CameraSettings] = TypeAdapter(CameraSettings)
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None


def _look(sections: _Sections) -> Iterator[Finding]:
    geometry = mm_per_px = None
    if sections.model is not None:
        try:
            manifest = configured(sections.model).bundle.manifest
            geometry, mm_per_px = manifest.tile, manifest.mm_per_px
        except (EnginesError, InspectdError) as error:
            yield "problem", str(error)
    for name, camera in sections.cameras.items():
        yield from _look_at_camera(name, camera)
        yield from _look_at_view(name, camera, geometry)
        if geometry is not None and camera.web is not None and not (camera.mm_per_px or camera.scale or mm_per_px):
            yield "problem", f"cameras.{name}.{SCALE_UNKNOWN}"
    if sections.security is not None and sections.security.keys is not None:
        yield from _look_at_keys(sections.security.keys)
    running = None
    if sections.journal is not None:
        running = lock_holder(sections.journal.path)
        yield from _look_at_journal(sections.journal)
    if sections.archive is not None and sections.archive.path:
        yield from _look_at_archive(Path(sections.archive.path))
    if running is not None:
        yield "note", f"process {running or '(unknown)'} holds this journal: the daemon runs; addresses were not tried"
    else:
        yield from _look_at_addresses(sections.publish, sections.control, sections.metrics)


def _look_at_view(name: str, camera: CameraSettings, geometry: TileGeometry | None) -> Iterator[Finding]:
    try:
        view = load_view(camera, geometry)
        if isinstance(camera, ImagesCamera) and geometry is not None:
            _try_first_picture(camera, view, geometry)
    except ViewError as error:
        for line in str(error).splitlines():
            yield "problem", f"cameras.{name}.{line}"


def _try_first_picture(camera: ImagesCamera, view: View, geometry: TileGeometry) -> None:
    with suppress(CameraError):  # told already
        driver = build_camera(camera.model_copy(update={"preload": False}))
        driver.open()
        picture = driver.read()
        driver.close()
        if isinstance(picture, Picture):
            try:
                framing(view, *picture.pixels.shape[:2], geometry)
            except ViewError as error:
                raise ViewError(f"source = '{camera.source}': {picture.source}: {error}") from error


def _look_at_camera(name: str, camera: CameraSettings) -> Iterator[Finding]:
    key = f"cameras.{name}.source = '{camera.source}'"
    try:
        if isinstance(camera, ImagesCamera):
            _open_and_close(camera.model_copy(update={"preload": False}))
            return
        if isinstance(camera, AravisCamera):
            yield from _look_for_aravis_camera(key, camera.source.partition(":")[2])
            return
        if isinstance(camera, GstSettings):
            yield from _look_at_pipeline(f"cameras.{name}.source = '{quoted(camera.source)}'", camera)
            return
        target = camera.source.partition(":")[2]
        match target_kind(target):
            case TargetKind.FILE:
                _open_and_close(camera)
            case TargetKind.STREAM:
                yield "note", f"{key}: a stream is not opened by this check"
            case TargetKind.DEVICE:
                yield from _look_at_device(key, target)
    except CameraError as error:
        yield "problem", f"cameras.{name}.source: {error}"


def _open_and_close(camera: CameraSettings) -> None:
    driver = build_camera(camera)
    try:
        driver.open()
    finally:
        driver.close()


def _look_for_aravis_camera(key: str, target: str) -> Iterator[Finding]:
    """The very daemon may hold it; it is looked for, not opened. Cameras behind a router do not answer the search."""
    found = discover()
    try:
        choose(target, found)
    except CameraError as error:
        if not is_address(target):
            raise
        yield "note", f"{key}: {error}. The daemon will speak to this address all the same"


def _look_at_pipeline(key: str, camera: GstSettings) -> Iterator[Finding]:
    """Build it, which finds what is missing, and start nothing."""
    try:
        runtime = load_runtime()
        build(runtime, recipe_of(camera, runtime.has))
    except CameraError as error:
        yield "problem", f"{key}: {error}"
        return
    if isinstance(camera, V4l2Camera):
        yield from _look_at_device(key, camera.source.partition(":")[2])
    elif isinstance(camera, RtspCamera):
        yield "note", f"{key}: a stream is not opened by this check"


def _look_at_device(key: str, target: str) -> Iterator[Finding]:
    """A device may be in use by the very daemon; it is looked at, not opened."""
    device = Path(f"/dev/video{target}" if target.isdecimal() else target)
    if not device.exists():
        present = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        yield "problem", f"{key}: no such device; connect it or set another. Devices here: {present}"
    elif not os.access(device, os.R_OK | os.W_OK):
        yield "problem", f"{key}: this user may not use the device; add it to the group 'video'"


def _look_at_keys(directory: Path) -> Iterator[Finding]:
    key, store = f"security.keys = '{directory}'", KeyStore(directory)
    try:
        store.server()
        clients, damaged = store.clients(), store.problems()
    except KeysError as error:
        yield "problem", f"{key}: {error}"
    except OSError as error:
        yield "problem", f"{key}: {error.filename}: cannot be read: {error.strerror}"
    else:
        yield from (("problem", f"{key}: lets nobody in: {problem}") for problem in damaged)
        if not clients:
            yield "note", f"{key}: lets nobody in yet; 'inspectd keys client NAME' makes a client's file"


def _look_at_journal(journal: JournalSettings) -> Iterator[Finding]:
    key, folder = f"journal.path = '{journal.path}'", journal.path.parent
    if not folder.is_dir():
        yield "problem", f"{key}: the directory {folder} does not exist; make it, or set another path"
    elif not _can_write(folder):
        yield "problem", f"{key}: this user may not write to {folder}; give it the right, or set another path"
    elif journal.path.exists():
        try:
            JournalReader(journal.path).close()
        except JournalError as error:
            yield "problem", str(error)


def _look_at_archive(path: Path) -> Iterator[Finding]:
    key, folder = f"archive.path = '{path}'", path if path.exists() else path.parent
    if not folder.is_dir():
        yield "problem", f"{key}: {folder} is no directory; make it, or set another path"
    elif not _can_write(folder):
        yield "problem", f"{key}: this user may not write to {folder}; give it the right, or set another path"


def _can_write(folder: Path) -> bool:
    """Found out by doing it, since modes do not tell of file systems that cannot be written to."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _look_at_addresses(
    publish: PublishSettings | None, control: ControlSettings | None, metrics: MetricsSettings | None
) -> Iterator[Finding]:
    """Bind all at once, as the daemon will, so that two of its own that collide are found too."""
    addresses: dict[str, str] = {}
    if publish is not None:
        addresses |= {"publish.verdicts": publish.verdicts, "publish.replay": publish.replay}
        if publish.map_encoding != "off":
            addresses["publish.maps"] = publish.maps
        if publish.pictures:
            addresses["publish.pictures"] = publish.pictures
    if control is not None:
        addresses["control.address"] = control.address
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    taken: dict[str, str] = {}
    try:
        for setting, address in addresses.items():
            problem = _try_address(context.socket(zmq.PUB), setting, address, taken)
            if problem:
                yield "problem", problem
            else:
                taken[_place(address)] = setting
        if metrics is not None and metrics.address:
            yield from _look_at_metrics(metrics.address, taken)
    finally:
        context.destroy(linger=0)


def _try_address(socket: zmq.Socket[bytes], setting: str, address: str, taken: Mapping[str, str]) -> str | None:
    other = taken.get(_place(address))
    if other is not None:
        return _collision(setting, address, other)
    if address.startswith("ipc://"):
        return _ipc_problem(setting, address)  # binding would take the name away from whoever listens there
    return _bind_problem(socket.bind, setting, address)


def _look_at_metrics(address: str, taken: Mapping[str, str]) -> Iterator[Finding]:
    other = taken.get(_place(f"tcp://{address}"))
    if other is not None:
        yield "problem", _collision("metrics.address", address, other)
        return
    try:
        listening_socket("metrics.address", address, 1).close()
    except PublishError as error:
        yield "problem", str(error)


def _collision(setting: str, address: str, other: str) -> str:
    return f"{setting} = '{address}': {other} has this port already; give each its own"


def _bind_problem(bind: Callable[[str], object], setting: str, address: str) -> str | None:
    try:
        bind(address)
    except zmq.ZMQError as error:
        return bind_problem(setting, address, error)
    return None


def _ipc_problem(setting: str, address: str) -> str | None:
    folder = Path(address.removeprefix("ipc://")).parent
    if not folder.is_dir() or not _can_write(folder):
        return f"{setting} = '{address}': {folder} does not exist or may not be written to; make it, or set another"
    return None


def _place(address: str) -> str:
    """What two addresses must not share: the port, whatever the interface."""
    transport, _, rest = address.partition("://")
    return f"port {rest.rpartition(':')[2]}" if transport == "tcp" else address
