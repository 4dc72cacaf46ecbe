"""Who may connect, and from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from inspectd.settings.section import Section

_LOCAL_NAMES = frozenset({"localhost", "lo"})
_LOCAL_TRANSPORTS = frozenset({"ipc", "inproc"})

_ZEROMQ_WAY_OUT = (
    "other machines reach it and no key is asked for; make keys with 'inspectd keys server' and name them in "
    "security.keys, or listen on 127.0.0.1, or, if everyone there may stop this line, set security.insecure = true"
)
_HTTP_WAY_OUT = (
    "other machines reach it and HTTP asks for no key; listen on 127.0.0.1 behind a reverse proxy (docs/security.md), "
    "or, if everyone there may read it, set security.insecure = true"
)


_Directory = Annotated[
    Path | None,
    BeforeValidator(lambda value: None if value == "" else value),
    PlainSerializer(lambda path: "" if path is None else str(path), return_type=str, when_used="json"),
]
"""An empty text for none."""


class SecuritySettings(Section):
    """Who may connect."""

    keys: _Directory = None
    """Directory that `inspectd keys` has made: every ZeroMQ socket then asks its clients for a key, and lets in those
    whose keys are there. An empty text for none: sockets then listen on this machine alone."""
    insecure: bool = False
    """Listen on other addresses even where no key is asked for: for whoever reaches them, metrics, and, without `keys`,
    everything."""


def exposures(sections: Iterable[tuple[str, object]], security: SecuritySettings) -> list[str]:
    """Addresses that other machines reach and where no key is asked for, each in words, with the ways out.

    `sections` are those of the settings, with their names.
    """
    return [f"{key} = '{address}': {way_out}" for key, address, way_out in _exposures(sections, security)]


def is_local_address(address: str) -> bool:
    """Whether only this machine reaches an address of ZeroMQ's."""
    transport, _, place = address.partition("://")
    return transport in _LOCAL_TRANSPORTS or (transport == "tcp" and is_local_host(place.rpartition(":")[0]))


def is_local_host(host: str) -> bool:
    """Whether only this machine reaches what listens there: a name, an interface's name, or an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host in _LOCAL_NAMES


def _exposures(sections: Iterable[tuple[str, object]], security: SecuritySettings) -> Iterator[tuple[str, str, str]]:
    for key, address in _addresses(sections):
        if "://" not in address:
            if not is_local_host(address.rpartition(":")[0]):
                yield key, address, _HTTP_WAY_OUT
        elif security.keys is None and not is_local_address(address):
            yield key, address, _ZEROMQ_WAY_OUT


def _addresses(sections: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """ZeroMQ's have a transport (`tcp://…`), HTTP's are HOST:PORT."""
    for name, section in sections:
        for key, value in section if isinstance(section, Section) else ():
            if isinstance(value, str) and ("://" in value or (key == "address" and ":" in value)):
                yield f"{name}.{key}", value
