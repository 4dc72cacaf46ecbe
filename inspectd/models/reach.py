"""From what a command is told to whom it asks: the daemon, or, where none judges with the registry, the registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inspectd.client import Controller
from inspectd.errors import ClientError, SettingsError
from inspectd.models.offline import Offline
from inspectd.models.registry import Registry
from inspectd.settings import Settings, load_settings
from inspectd.wire.addresses import CONTROL


@contextmanager
def reached(
    control: str | None, config: Path | None, directory: Path | None, keys: Path | None
) -> Iterator[Controller | Offline]:
    """Whoever is to be asked.

    Args:
        control: the daemon's `control.address`; it is asked then in any case.
        config: the daemon's configuration.
        directory: of the registry, in place of the configuration's.
        keys: this client's file, where the daemon asks for one.

    Raises:
        SettingsError: the configuration cannot be used, or has no registry.
        KeysError: the file of keys cannot be used.
        ClientError: the daemon does not answer.
    """
    settings = None if config is None else load_settings(config)
    registry = _registry(settings, directory)
    if control is None and registry is not None and registry.holder is None:
        yield Offline(registry, settings)
        return
    address = control or (settings.control.address if settings else CONTROL)
    try:
        with Controller(address, keys=keys) as controller:
            yield controller
    except ClientError as error:
        if registry is not None:
            raise
        raise ClientError(f"{error}\nWhere no daemon runs, name its --config or its --registry") from error


def registry_to_add_to(control: str | None, config: Path | None, directory: Path | None, keys: Path | None) -> Registry:
    """The registry, on this machine.

    Raises:
        SettingsError: it is not on this machine, or as `reached`.
        KeysError, ClientError: as `reached`.
    """
    registry = _registry(None if config is None else load_settings(config), directory)
    if registry is not None:
        return registry
    with reached(control, config, directory, keys) as daemon:
        registry = Registry(Path(daemon.models().registry))
    if not registry.directory.is_dir():
        raise SettingsError(
            f"the daemon's registry, {registry.directory}, is not on this machine, or this user may not look there; "
            "add the bundle on the daemon's, as root"
        )
    return registry


def _registry(settings: Settings | None, directory: Path | None) -> Registry | None:
    if directory is not None:
        return Registry(directory)
    if settings is None:
        return None
    if settings.model.registry is None:
        raise SettingsError(
            f"model.bundle = '{settings.model.bundle}' names what judges; set model.registry in its place to change "
            "models and thresholds (docs/models.md)"
        )
    return Registry(settings.model.registry)
