"""The directory of a daemon's keys: its own pair, and the public keys of the clients that it lets in.

server.key_secret       the daemon's pair, for it alone
server.key              its public key
clients/NAME.key        one file for each client that may connect; taking it away takes the right away
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engines.durable import sync_directory
from inspectd.errors import KeysError, OutputError
from inspectd.keys.files import (
    PRIVATE,
    PUBLIC,
    KeyPair,
    certificate,
    make_directory,
    read_pair,
    read_public,
    write,
)
from inspectd.settings.section import NAME

_TO_KEEP: Final = "ZeroMQ CURVE secret keys of {}. Who has a copy of this file can do what its owner can."
_PUBLIC_LINE: Final = "ZeroMQ CURVE public key of {}"


class KeyStore:
    """One such directory. Other processes may change it at any time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._server = directory / "server.key_secret"
        self._clients = directory / "clients"

    def make_server(self, *, force: bool = False) -> Path:
        """Make the daemon's pair, and return the file of its public key.

        Raises:
            OutputError: it cannot be written, or is there and `force` is not set.
        """
        make_directory(self.directory, 0o700)
        make_directory(self._clients, 0o755)
        pair = KeyPair.generate()
        secret = certificate(
            _TO_KEEP.format("the daemon"), "server", {"public-key": pair.public, "secret-key": pair.secret}
        )
        write(self._server, secret, PRIVATE, force=force)
        public = self.directory / "server.key"
        write(
            public,
            certificate(_PUBLIC_LINE.format("the daemon"), "server", {"public-key": pair.public}),
            PUBLIC,
            force=True,
        )
        return public

    def server(self) -> KeyPair:
        """The daemon's pair.

        Raises:
            KeysError: there is none that can be used.
        """
        try:
            return read_pair(self._server)
        except KeysError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            raise KeysError(
                f"{self._server}: no such file; make it with 'inspectd keys server --keys {self.directory}'"
            ) from error

    def make_client(self, name: str, file: Path, *, force: bool = False) -> None:
        """Make a client's pair, write the one file it needs, and let it in.

        Raises:
            KeysError: the name is none, or the daemon has no pair yet.
            OutputError: a file cannot be written, or is there and `force` is not set.
        """
        entry, server = self._entry(name), self.server()
        if entry.exists() and not force:
            raise OutputError(f"{entry}: there is a client of this name; name another, or replace it with --force")
        pair = KeyPair.generate()
        keys = {"public-key": pair.public, "secret-key": pair.secret, "server-key": server.public}
        write(file, certificate(_TO_KEEP.format(f"the client {name}"), name, keys), PRIVATE, force=force)
        self.allow(name, pair.public, force=force)

    def allow(self, name: str, public: bytes, *, force: bool = False) -> None:
        """Let in who has the secret key to this public one.

        Raises:
            KeysError: the name is none, or the key is the daemon's own.
            OutputError: it cannot be written, or the name is taken and `force` is not set.
        """
        entry = self._entry(name)
        if public == self.server().public:
            raise KeysError(f"{name}: this is the daemon's own key; each client has one of its own")
        make_directory(self._clients, 0o755)
        write(
            entry,
            certificate(_PUBLIC_LINE.format(f"the client {name}"), name, {"public-key": public}),
            PUBLIC,
            force=force,
        )

    def revoke(self, name: str) -> None:
        """Let a client in no more.

        Raises:
            KeysError: there is none of this name.
            OutputError: its entry cannot be removed.
        """
        entry = self._entry(name)
        try:
            entry.unlink()
            sync_directory(self._clients)
        except FileNotFoundError as error:
            known = ", ".join(sorted(path.stem for path in self._entries())) or "none"
            raise KeysError(f"{name}: no such client in {self._clients}; there are: {known}") from error
        except OSError as error:
            raise OutputError(f"{entry}: cannot be removed: {error.strerror}") from error

    def clients(self) -> dict[bytes, str]:
        """By public key, the name of each client that is let in; a file that holds no key lets nobody in.

        Raises:
            OSError: the directory cannot be read.
        """
        found = {}
        for entry in self._entries():
            try:
                found[read_public(entry)] = entry.stem
            except KeysError:
                continue
        return found

    def problems(self) -> list[str]:
        """Files that let nobody in though they should, in words.

        Raises:
            OSError: the directory cannot be read.
        """
        told = []
        for entry in self._entries():
            try:
                read_public(entry)
            except KeysError as error:
                told.append(str(error))
        return told

    def _entries(self) -> Iterator[Path]:
        """Whoever put them there: ZeroMQ's own tools name their files alike."""
        if self._clients.is_dir():
            yield from (path for path in self._clients.iterdir() if path.suffix == ".key" and path.name[0] != ".")

    def _entry(self, name: str) -> Path:
        if not re.fullmatch(NAME, name) or len(name) > 64:
            raise KeysError(
                f"'{name}': a client's name has letters, digits, '-' and '_', begins with a letter or digit, and has "
                "64 characters at most"
            )
        return self._clients / f"{name}.key"
