"""Who may look, and who may do something."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from inspectd.errors import SettingsError
from inspectd.settings.security import is_local_host

TOKEN_LENGTH: Final = 16
"""Shortest token: one that nobody guesses."""
SESSION_S: Final = 12 * 3600.0
"""A shift, and then some."""
SESSIONS: Final = 64
"""Most at a time; the oldest goes."""


def read_token(path: Path) -> str:
    """The token in a file.

    Raises:
        SettingsError: it cannot be read, or is too short.
    """
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--token-file {path}: {error}") from error
    if len(token) < TOKEN_LENGTH:
        raise SettingsError(
            f"--token-file {path}: a token has {TOKEN_LENGTH} characters or more; make one with: openssl rand -hex 16"
        )
    return token


class Access:
    """Decides. Without a token anybody who may look can look, and nobody can do anything."""

    def __init__(self, listen_host: str, token: str | None, *, insecure: bool, hosts: Iterable[str] = ()) -> None:
        """
        Args:
            listen_host: what the page is served on.
            token: lets in whoever knows it; None for nobody.
            insecure: let everybody look, from elsewhere too.
            hosts: further names by which browsers may call this machine.

        Raises:
            SettingsError: the page would be open to everybody, and nobody said so.
        """
        away = not is_local_host(listen_host)
        if away and token is None and not insecure:
            raise SettingsError(
                f"--listen {listen_host}: whoever reaches this address would see the line; "
                "give a --token-file, or --insecure if that is meant"
            )
        self._token = token
        self._open = insecure or not away
        own = {socket.gethostname(), socket.getfqdn()} if away else set()
        self._hosts = {name.lower() for name in (listen_host, "localhost", *own, *hosts)}
        self._sessions: dict[str, float] = {}

    @property
    def has_token(self) -> bool:
        """Whether anybody can do anything."""
        return self._token is not None

    def knows(self, host: str) -> bool:
        """Whether a request's `Host` is one of this machine's.

        A name that somebody else made lead here is none: it would let another page read this one. A plain address
        cannot be made to.
        """
        name = _name_of(host)
        return name in self._hosts or _is_address(name)

    def enter(self, token: str) -> str | None:
        """The name of a new session for whoever knows the token; None for others."""
        if self._token is None or not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        session = secrets.token_urlsafe(32)
        self._sessions[session] = time.monotonic() + SESSION_S
        while len(self._sessions) > SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return session

    def leave(self, session: str | None) -> None:
        """End a session."""
        self._sessions.pop(session or "", None)

    def may_look(self, session: str | None) -> bool:
        """Whether pictures and verdicts are shown."""
        return self._open or self.may_act(session)

    def may_act(self, session: str | None) -> bool:
        """Whether something is done that is asked for."""
        return self._sessions.get(session or "", 0.0) > time.monotonic()


def _name_of(host: str) -> str:
    """Without the port."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if ":" in name else name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
