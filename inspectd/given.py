"""What the parts of a daemon are given, whichever they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from inspectd.account import Account
from inspectd.doorkeeper import Guard
from inspectd.metrics.meters import Meters
from inspectd.pipeline.policy import CameraPolicy
from inspectd.settings import Settings


@dataclass(frozen=True)
class Given:
    """Of one life of the daemon."""

    settings: Settings
    cameras: Mapping[str, CameraPolicy]
    """Made of the settings, by the camera's name."""
    meters: Meters
    guard: Guard
    account: Account
    on_fatal: Callable[[Exception], None]
    """Told what ends the daemon; any thread."""
