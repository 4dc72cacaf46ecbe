"""`inspectd keys`. Each command imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Make the keys with which clients on other PCs connect, and say who may. Step by step: docs/security.md.",
    epilog="Example: inspectd keys server && inspectd keys client plc",
    no_args_is_help=True,
)

DIRECTORY = Path("/etc/inspectd/keys")

Directory = Annotated[
    Path,
    typer.Option(
        "--keys",
        metavar="DIR",
        envvar="INSPECTD_SECURITY__KEYS",
        show_envvar=False,
        help="The daemon's security.keys.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the client, for you to know it by.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


@app.command(epilog="Example: sudo inspectd keys server")
def server(keys: Directory = DIRECTORY, force: Force = False) -> None:
    """Make the daemon's own keys. Once for a daemon: with new ones, every client needs a new file."""
    from inspectd.keys.store import KeyStore  # noqa: PLC0415 - see the top of this file

    KeyStore(keys).make_server(force=force)
    typer.echo(f"the daemon's keys are in {keys}; it asks for keys once it is restarted with these settings:")
    typer.echo(f'\n[security]\nkeys = "{keys.absolute()}"')


@app.command(epilog="Example: sudo inspectd keys client plc --out plc.key_secret")
def client(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Else NAME.key_secret in this directory.")
    ] = None,
    keys: Directory = DIRECTORY,
    force: Force = False,
) -> None:
    """Make the one file that a client needs, and let it in at once. Move that file to the client's PC, over ssh."""
    from inspectd.keys.store import KeyStore  # noqa: PLC0415 - see the top of this file

    file = out or Path(f"{name}.key_secret")
    KeyStore(keys).make_client(name, file, force=force)
    typer.echo(f"'{name}' is let in from now on; its file is {file}: as --keys, or in INSPECTD_KEYS")


@app.command("list", epilog="Example: inspectd keys list")
def list_clients(keys: Directory = DIRECTORY) -> None:
    """List who is let in: name and public key."""
    from inspectd.errors import KeysError  # noqa: PLC0415 - see the top of this file
    from inspectd.keys.store import KeyStore  # noqa: PLC0415 - likewise

    store = KeyStore(keys)
    store.server()
    try:
        clients, problems = store.clients(), store.problems()
    except OSError as error:
        raise KeysError(f"{keys}: cannot be read: {error.strerror}") from error
    for public, name in sorted(clients.items(), key=lambda item: item[1]):
        typer.echo(f"{name:<20} {public.decode()}")
    for problem in problems:
        typer.echo(f"lets nobody in: {problem}", err=True)
    if not clients:
        typer.echo("nobody is let in yet; 'inspectd keys client NAME' makes a client's file", err=True)


@app.command(epilog="Example: sudo inspectd keys allow mes --file mes.key")
def allow(
    name: Name,
    file: Annotated[Path, typer.Option("--file", metavar="FILE", help="With its public key; any ZeroMQ tool's.")],
    keys: Directory = DIRECTORY,
    force: Force = False,
) -> None:
    """Let in a client that made its keys itself, so that its secret one never travelled."""
    from inspectd.keys.files import read_public  # noqa: PLC0415 - see the top of this file
    from inspectd.keys.store import KeyStore  # noqa: PLC0415 - likewise

    store = KeyStore(keys)
    store.allow(name, read_public(file), force=force)
    typer.echo(
        f"'{name}' is let in from now on; the daemon's public key, which it needs: {store.server().public.decode()}"
    )


@app.command(epilog="Example: sudo inspectd keys revoke laptop")
def revoke(name: Name, keys: Directory = DIRECTORY) -> None:
    """Let a client in no more. A running daemon cuts its connections within two seconds."""
    from inspectd.keys.store import KeyStore  # noqa: PLC0415 - see the top of this file

    KeyStore(keys).revoke(name)
    typer.echo(f"'{name}' is let in no more")
