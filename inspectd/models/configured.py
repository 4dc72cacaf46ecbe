"""What a configuration says is to judge: a bundle that it names, or the active one of a registry."""

from __future__ import annotations

from dataclasses import dataclass

from calib.calibration import Calibration
from engines.bundle import Bundle, open_bundle
from engines.errors import BundleError
from inspectd.errors import SettingsError
from inspectd.models.active import Active
from inspectd.models.change import effective
from inspectd.models.registry import Registry
from inspectd.settings import ModelSettings


@dataclass(frozen=True)
class Configured:
    """What is to judge."""

    bundle: Bundle
    """Verified."""
    calibration: Calibration
    """The bundle's, with the threshold that counts."""
    active: Active | None
    """The registry's record; None where the configuration names the bundle."""


def configured(settings: ModelSettings) -> Configured:
    """Open what is to judge.

    Raises:
        BundleError: the bundle cannot be used.
        SettingsError: the registry has no active model.
        RegistryError: the registry cannot be read.
    """
    if settings.registry is None:
        assert settings.bundle is not None
        try:
            bundle = open_bundle(settings.bundle)
        except BundleError as error:
            raise BundleError(f"model.bundle: {error}") from error
        return Configured(bundle, bundle.calibration, None)
    return _active(Registry(settings.registry))


def _active(registry: Registry) -> Configured:
    key = f"model.registry = '{registry.directory}'"
    if not registry.directory.is_dir():
        raise SettingsError(f"{key}: no such directory; 'inspectd models add' makes it")
    active = registry.active()
    if active is None:
        raise SettingsError(
            f"{key}: no model is active; 'inspectd models add BUNDLE --registry {registry.directory}', "
            "then 'inspectd models activate'"
        )
    try:
        bundle = registry.open(active.judging.bundle)
    except BundleError as error:
        raise BundleError(
            f"{key}: {error}; add the bundle again, or 'inspectd models rollback' while the daemon does not run"
        ) from error
    return Configured(bundle, effective(bundle, active.judging), active)
