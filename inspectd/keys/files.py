"""Files of keys, as every ZeroMQ library's certificates are: ZPL, keys in Z85. docs/security.md has the fields.

A client's file has one field more, `server-key`, which others pass over: so one file is all that a client needs.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import zmq
from zmq.utils import z85

from engines.durable import sync_directory
from inspectd.errors import KeysError, OutputError

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
KEY_BYTES: Final = 32

_OTHERS: Final = 0o066
"""Reading and writing by whoever is not the owner."""
_NO_SECOND_NAME: Final = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP}
"""What a file system says that has no hard links: FAT the first, others the rest."""
_FIELD: Final = re.compile(r'^\s*(public-key|secret-key|server-key)\s*=\s*"?([^"\s]*)"?\s*$')


@dataclass(frozen=True)
class KeyPair:
    """A public key and the secret one that belongs to it, each as 40 letters of Z85."""

    public: bytes
    secret: bytes

    @classmethod
    def generate(cls) -> Self:
        """A new one."""
        return cls(*zmq.curve_keypair())


@dataclass(frozen=True)
class ClientKeys:
    """What a client needs to be let in."""

    own: KeyPair
    server: bytes
    """The daemon's public key."""

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Have a socket, not connected yet, show them."""
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.own.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.own.secret)
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.server)


def read_client(file: Path) -> ClientKeys:
    """A client's file.

    Raises:
        KeysError: it cannot be read, or lacks a key.
    """
    keys = _read(file)
    own = _pair(file, keys)
    if "server-key" not in keys:
        raise KeysError(f"{file}: has no server-key; a file that 'inspectd keys client' makes on the daemon's PC has")
    return ClientKeys(own, keys["server-key"])


def read_pair(file: Path) -> KeyPair:
    """A file with a secret key.

    Raises:
        KeysError: it cannot be read, or lacks a key.
    """
    return _pair(file, _read(file))


def read_public(file: Path) -> bytes:
    """The public key of any file.

    Raises:
        KeysError: it cannot be read, or has none.
    """
    keys = _read(file)
    if "public-key" not in keys:
        raise KeysError(f"{file}: has no public-key; is it a file of ZeroMQ keys?")
    return keys["public-key"]


def certificate(what: str, name: str, keys: Mapping[str, bytes]) -> str:
    """The text of a file; `what` is its first line."""
    made = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [f'    {field} = "{key.decode()}"' for field, key in keys.items()]
    return f'# {what}\nmetadata\n    name = "{name}"\n    made = "{made}"\ncurve\n' + "\n".join(lines) + "\n"


def write(file: Path, text: str, mode: int, *, force: bool) -> None:
    """Write a file whole and durably, never for a moment with more rights than `mode`.

    Root gives it to whom its directory belongs, so that a service can read what an administrator makes for it.

    Raises:
        OutputError: it cannot be written, or is there and `force` is not set, or its file system cannot hold `mode`.
    """
    try:
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".writing-", delete=False) as part:
            try:
                _restrict(part.fileno(), mode, file)
                _give_away(part.fileno(), file.parent)
                part.write(text)
                part.flush()
                os.fsync(part.fileno())
                if force:
                    Path(part.name).replace(file)
                else:
                    _name(Path(part.name), file)
            finally:
                Path(part.name).unlink(missing_ok=True)
        sync_directory(file.parent)
    except FileExistsError as error:
        raise OutputError(f"{file}: is there already; name another, or replace it with --force") from error
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}") from error


def make_directory(directory: Path, mode: int) -> None:
    """Make a directory, where it is not there yet, that belongs to whom the one above it belongs.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        directory.mkdir(mode=mode)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _give_away(descriptor, directory.parent)
        finally:
            os.close(descriptor)
        sync_directory(directory.parent)
    except FileExistsError:
        return
    except OSError as error:
        raise OutputError(f"{directory}: cannot be made: {error.strerror}") from error


def _restrict(descriptor: int, mode: int, file: Path) -> None:
    """Give a file its rights, and look whether it has them: FAT passes over what it cannot hold, without an error."""
    with suppress(OSError):  # what counts is what it has
        os.fchmod(descriptor, mode)
    if stat.S_IMODE(os.fstat(descriptor).st_mode) & _OTHERS & ~mode:
        raise OutputError(
            f"{file}: its file system lets everyone on this PC read or change what is on it, as FAT on a stick does; "
            "name a file on a disk of this PC and move it over ssh, or a stick that is formatted with ext4 or mounted "
            "with '-o umask=077'"
        )


def _name(part: Path, file: Path) -> None:
    """Give a file its name, unless something has it already."""
    try:
        file.hardlink_to(part)
    except OSError as error:
        if error.errno not in _NO_SECOND_NAME:
            raise
        file.touch(exist_ok=False)
        try:
            part.replace(file)
        except BaseException:
            file.unlink()
            raise


def _give_away(descriptor: int, directory: Path) -> None:
    owner, now = directory.stat(), os.fstat(descriptor)
    if os.geteuid() == 0 and (owner.st_uid, owner.st_gid) != (now.st_uid, now.st_gid):
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _read(file: Path) -> dict[str, bytes]:
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        raise KeysError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KeysError(f"{file}: is not text; is it a file of ZeroMQ keys?") from error
    found = [match.groups() for line in lines if (match := _FIELD.match(line)) is not None]
    return {field: _checked(file, field, text) for field, text in found}


def _checked(file: Path, field: str, text: str) -> bytes:
    try:
        if len(text) == 40 and len(z85.decode(text)) == KEY_BYTES:
            return text.encode("ascii")
    except (ValueError, KeyError, UnicodeEncodeError):
        pass
    raise KeysError(f"{file}: {field}: is not a key, which is 40 letters of Z85; was the file cut short or edited?")


def _pair(file: Path, keys: Mapping[str, bytes]) -> KeyPair:
    if "secret-key" not in keys or "public-key" not in keys:
        raise KeysError(f"{file}: has no secret-key; the file to name is the one that ends in .key_secret")
    if zmq.curve_public(keys["secret-key"]) != keys["public-key"]:
        raise KeysError(f"{file}: its two keys do not belong together; make new ones with 'inspectd keys'")
    return KeyPair(keys["public-key"], keys["secret-key"])
