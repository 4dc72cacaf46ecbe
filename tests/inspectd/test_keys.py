"""The files of keys, and the commands that make them."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq.auth

from inspectd.cli import main
from inspectd.errors import KeysError, OutputError
from inspectd.keys.files import read_client, read_pair, read_public
from inspectd.keys.store import KeyStore


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    store = KeyStore(tmp_path / "keys")
    store.make_server()
    return store


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["inspectd", "keys", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_secret_keys_are_for_their_owner_alone(store: KeyStore, tmp_path: Path) -> None:
    store.make_client("plc", tmp_path / "plc.key_secret")
    for file in (store.directory / "server.key_secret", tmp_path / "plc.key_secret"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".writing")]


def _no_links(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As a FAT stick that lets everyone read: rights cannot be set, without an error, and a file has one name.

    Linux, fs/fat/file.c, fat_setattr and fat_sanitize_mode; FUSE's fusefat and exfat-fuse do alike.
    """
    made = os.open

    def open_for_all(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        descriptor = made(path, flags, mode, **options)
        if flags & os.O_CREAT:
            chmod(descriptor, 0o755)
        return descriptor

    chmod = os.fchmod
    monkeypatch.setattr(os, "open", open_for_all)
    monkeypatch.setattr(os, "fchmod", lambda *_: None)
    monkeypatch.setattr(os, "link", _no_links)
    folder = tmp_path / "stick"
    folder.mkdir()
    yield folder
    assert not [path for path in folder.iterdir() if path.name.startswith(".writing")]


@pytest.mark.parametrize("force", [False, True])
def test_no_secret_lies_where_all_can_read_it(store: KeyStore, stick: Path, force: bool) -> None:
    file = stick / "plc.key_secret"
    with pytest.raises(OutputError, match=r"everyone on this PC read .*over ssh, .*'-o umask=077'"):
        store.make_client("plc", file, force=force)
    assert not file.exists()
    assert store.clients() == {}


def test_a_stick_for_its_owner_alone_will_do(store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has one name there too."""
    file = tmp_path / "plc.key_secret"
    monkeypatch.setattr(os, "link", _no_links)
    store.make_client("plc", file)
    own = read_client(file).own
    with pytest.raises(OutputError, match="is there already"):
        store.make_client("mes", file)
    assert (read_client(file).own, store.clients()) == (own, {own.public: "plc"})
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".writing")]


def test_other_zeromq_tools_read_the_files(store: KeyStore, tmp_path: Path) -> None:
    store.make_client("plc", tmp_path / "plc.key_secret")
    keys = read_client(tmp_path / "plc.key_secret")
    assert zmq.auth.load_certificate(tmp_path / "plc.key_secret") == (keys.own.public, keys.own.secret)
    assert zmq.auth.load_certificate(store.directory / "server.key")[0] == keys.server == store.server().public
    assert zmq.auth.load_certificates(store.directory / "clients") == {keys.own.public: True}


def test_keys_of_other_zeromq_tools_are_let_in(store: KeyStore, tmp_path: Path) -> None:
    public, secret = zmq.auth.create_certificates(tmp_path, "mes")
    store.allow("mes", read_public(Path(public)))
    assert store.clients() == {read_pair(Path(secret)).public: "mes"}


def test_nothing_is_replaced_unless_it_is_said(store: KeyStore, tmp_path: Path) -> None:
    file, before = tmp_path / "plc.key_secret", store.server()
    store.make_client("plc", file)
    own = read_client(file).own
    for again in (
        store.make_server,
        lambda: store.make_client("plc", tmp_path / "other"),
        lambda: store.make_client("x", file),
    ):
        with pytest.raises(OutputError, match="--force"):
            again()
    assert (store.server(), read_client(file).own, store.clients()) == (before, own, {own.public: "plc"})
    assert not (tmp_path / "other").exists()
    store.make_client("plc", file, force=True)
    assert list(store.clients().values()) == ["plc"]
    assert own.public not in store.clients()


def test_a_revoked_client_is_let_in_no_more(store: KeyStore, tmp_path: Path) -> None:
    for name in ("plc", "laptop"):
        store.make_client(name, tmp_path / name)
    store.revoke("laptop")
    assert list(store.clients().values()) == ["plc"]
    with pytest.raises(KeysError, match=r"laptop: no such client .*there are: plc"):
        store.revoke("laptop")


@pytest.mark.parametrize("name", ["", "../plc", "a b", "x" * 65, "plc\n", ".hidden"])
def test_a_name_is_no_path(store: KeyStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(KeysError, match="a client's name has"):
        store.make_client(name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="no such file; make it with 'inspectd keys server"):
        KeyStore(tmp_path / "none").server()
    # As one that another user owns; nothing is forbidden to root, who may run this.
    with pytest.raises(KeysError, match=r"server\.key_secret: cannot be read: File name too long"):
        KeyStore(tmp_path / ("x" * 300)).server()


def test_the_daemons_own_key_lets_nobody_in(store: KeyStore) -> None:
    with pytest.raises(KeysError, match="the daemon's own key"):
        store.allow("plc", store.server().public)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no secret-key"),
        ('public-key = "short"\n', "public-key: is not a key"),
        ('public-key = "' + 40 * "~" + '"\n', "public-key: is not a key"),
        (f'public-key = "{40 * "0"}"\nsecret-key = "{40 * "1"}"\n', "do not belong together"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "plc.key_secret"
    file.write_text(text)
    with pytest.raises(KeysError, match=told):
        read_client(file)


def test_a_file_without_the_daemons_key_is_told(store: KeyStore) -> None:
    with pytest.raises(KeysError, match="has no server-key"):
        read_client(store.directory / "server.key_secret")


def test_a_damaged_entry_lets_nobody_in_and_harms_no_other(store: KeyStore, tmp_path: Path) -> None:
    store.make_client("plc", tmp_path / "plc")
    (store.directory / "clients" / "mes.key").write_bytes(b"\xff\xfe")
    assert list(store.clients().values()) == ["plc"]
    assert "mes.key: is not text" in store.problems()[0]


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("INSPECTD_SECURITY__KEYS", str(tmp_path / "keys"))
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "client", "plc") == 78
    assert "make it with 'inspectd keys server" in capsys.readouterr().err
    assert command(monkeypatch, "server") == 0
    assert f'keys = "{tmp_path / "keys"}"' in capsys.readouterr().out
    assert command(monkeypatch, "list") == 0
    assert "nobody is let in yet" in capsys.readouterr().err
    assert command(monkeypatch, "client", "plc") == 0
    capsys.readouterr()
    assert command(monkeypatch, "list") == 0
    assert capsys.readouterr().out.split() == ["plc", read_client(Path("plc.key_secret")).own.public.decode()]
    public, _ = zmq.auth.create_certificates(tmp_path, "mes")
    assert command(monkeypatch, "allow", "mes", "--file", public) == 0
    assert command(monkeypatch, "revoke", "plc") == 0
    assert list(KeyStore(tmp_path / "keys").clients().values()) == ["mes"]
    assert command(monkeypatch, "server") == OutputError.exit_code
