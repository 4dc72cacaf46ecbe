"""`inspectd install-service`: what it refuses, writes, tells and runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inspectd.errors import ServiceError
from inspectd.service.install import (
    DESTINATIONS,
    Command,
    Service,
    carry_out,
    changed_by_hand,
    check_reachable,
    contents,
    install,
    preparing,
    starting,
)
from inspectd.settings import NAME

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """Where it is installed."""

    prefix: Path
    """The root of the file system, or of an image of one."""
    force: bool
    """Whether files that were changed by hand are replaced too."""

    @property
    def is_this_machine(self) -> bool:
        """Whether commands here have to do with it."""
        return self.prefix == Path("/")


def install_service(
    instance: str | None, config: Path | None, target: Target, *, dry_run: bool, now: bool, tell: Tell
) -> None:
    """Install the service and tell the commands that come next, or, with `now`, run them.

    Raises:
        ServiceError, SettingsError, OutputError: it is not done; the message says why.
    """
    service = _service(instance)
    if target.is_this_machine:  # an image has its own idea of where things lie
        check_reachable()
    wanted = contents(service, config)
    configured = config is not None or (target.prefix / service.configuration.relative_to("/")).exists()
    if dry_run:
        _tell_wanted(wanted, target, tell)
        return
    if now:
        _refuse_now(service, target, configured=configured)
    for path in install(wanted, target.prefix, force=target.force):
        tell(f"written: {target.prefix / path.relative_to('/')}")
    if now:
        carry_out([*preparing(service), *starting(service)], tell)
    else:
        _tell_next(service, configured=configured, tell=tell)


def _service(instance: str | None) -> Service:
    if instance is not None and (not re.match(NAME, instance) or instance == "inspectd"):
        raise ServiceError(
            f"--instance '{instance}': a name has letters, digits, '-' and '_', begins with a letter or digit, and is "
            "not 'inspectd', whose configuration is that of inspectd.service"
        )
    return Service(instance)


def _refuse_now(service: Service, target: Target, *, configured: bool) -> None:
    if not target.is_this_machine:
        raise ServiceError(
            f"--now starts the service of this machine, and --prefix is '{target.prefix}'; leave one out"
        )
    if not configured:
        raise ServiceError(f"there is no {service.configuration} to start with; name a configuration with --config")


def _tell_wanted(wanted: dict[Path, bytes], target: Target, tell: Tell) -> None:
    changed = changed_by_hand(wanted, target.prefix)
    for path, content in wanted.items():
        there = target.prefix / path.relative_to("/")
        if path in changed:
            tell(f"changed by hand, {'replaced' if target.force else 'refused without --force'}: {there}")
        elif there.exists() and there.read_bytes() == content:
            tell(f"there already: {there}")
        else:
            tell(f"would be written: {there}")


def _tell_next(service: Service, *, configured: bool, tell: Tell) -> None:
    tell("\nNext, as root:")
    for command in preparing(service):
        _tell_command(command, tell)
    if not configured:
        _tell_command(("cp", str(DESTINATIONS["example.toml"]), str(service.configuration)), tell)
        _tell_command(("editor", str(service.configuration)), tell)
        _tell_command(("systemd-tmpfiles", "--create", str(DESTINATIONS["tmpfiles.conf"])), tell)
    _tell_command(("inspectd", "check", str(service.configuration)), tell)
    for command in starting(service):
        _tell_command(command, tell)


def _tell_command(command: Command, tell: Tell) -> None:
    tell(f"    {' '.join(command)}")
