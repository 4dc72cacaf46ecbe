"""`inspectd bridge`. Each command imports what it needs when it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.models import OptionInfo

from inspectd.errors import SettingsError
from inspectd.keys.option import KeysFile
from inspectd.wire import addresses

if TYPE_CHECKING:
    from inspectd.bridges.bridge import Peer
    from inspectd.bridges.handover import Position

app = typer.Typer(
    help="Tell a PLC or MES every verdict, each once and in order. Maps, handshake and examples: docs/plc.md.\n\n"
    "Every option may stand in the environment instead: INSPECTD_BRIDGE_REPLAY for\n--replay; "
    "INSPECTD_KEYS for --keys, as with every command.",
    epilog="Example: inspectd bridge modbus --listen 0.0.0.0 --camera top --camera side",
    no_args_is_help=True,
)

MODBUS_PORT = 1502
OPCUA_PORT = 4840
MQTT_PORT = 1883
REPLAY_TIMEOUT_S = 1.0
"""Within an answer; what does not come is asked for again."""


def _option(
    name: str, metavar: str, help_text: str, least: float | None = None, most: float | None = None
) -> OptionInfo:
    """An option `--name` that may stand in the environment."""
    variable = f"INSPECTD_BRIDGE_{name.upper().replace('-', '_')}"
    made = typer.Option(
        f"--{name}", metavar=metavar, envvar=variable, show_envvar=False, help=help_text, min=least, max=most
    )
    assert isinstance(made, OptionInfo)
    return made


Verdicts = Annotated[str, _option("verdicts", "ADDRESS", "The daemon's publish.verdicts.")]
Replay = Annotated[str, _option("replay", "ADDRESS", "The daemon's publish.replay.")]
State = Annotated[Path, _option("state", "FILE", "Where it keeps what was taken last.")]
OnlyKind = Annotated[str, _option("only", "KIND", "Hand over all, frames or parts.")]
Cameras = Annotated[list[str] | None, _option("camera", "NAME", "Camera 1, then 2, … Repeatable.")]
Silence = Annotated[float, _option("silence-s", "S", "Safe state after such a silence.", 1.1, 60)]
Patience = Annotated[float, _option("ack-s", "S", "Safe state if not taken for so long.", 0.05, 3600)]
Waiting = Annotated[int, _option("waiting", "N", "Verdicts that may wait.", 2, 100_000)]
Listen = Annotated[str, _option("listen", "ADDRESS", "Interface to listen on; 0.0.0.0 for all.")]
Port = Annotated[int, _option("port", "PORT", "TCP port.", 1, 65_535)]


@app.command(epilog="Example: inspectd bridge modbus --listen 0.0.0.0 --camera top --camera side")
def modbus(
    listen: Listen = "127.0.0.1",
    port: Port = MODBUS_PORT,
    verdicts: Verdicts = addresses.VERDICTS,
    replay: Replay = addresses.REPLAY,
    keys: KeysFile = None,
    state: State = Path("bridge-modbus.db"),
    only: OnlyKind = "all",
    camera: Cameras = None,
    silence_s: Silence = 1.8,
    ack_s: Patience = 2.0,
    waiting: Waiting = 256,
) -> None:
    """Serve Modbus TCP: registers 0–163 (input and holding) are the line, the PLC writes the ticket to 200–203.

    0 map version, 1 life, 2 status bits (also discrete inputs), 3 state,
    20–23 ticket, 24 kind, 25 outcome (1 is PASS, nothing else), 26 reason,
    27 camera number, 38 part number, 60 camera, 100 part. All of it: docs/plc.md.
    """

    def peer() -> Peer:
        from inspectd.bridges.modbus import ModbusPeer  # noqa: PLC0415 - see the top of this file

        return ModbusPeer(listen, port)

    _run(peer, verdicts, replay, keys, state, only, camera, silence_s, ack_s, waiting)


@app.command(epilog="Example: inspectd bridge opcua --listen 0.0.0.0 --control tcp://127.0.0.1:5593")
def opcua(
    listen: Listen = "127.0.0.1",
    port: Port = OPCUA_PORT,
    control: Annotated[str | None, _option("control", "ADDRESS", "The daemon's control.address, for Trigger.")] = None,
    verdicts: Verdicts = addresses.VERDICTS,
    replay: Replay = addresses.REPLAY,
    keys: KeysFile = None,
    state: State = Path("bridge-opcua.db"),
    only: OnlyKind = "all",
    camera: Cameras = None,
    silence_s: Silence = 1.8,
    ack_s: Patience = 2.0,
    waiting: Waiting = 256,
) -> None:
    """Serve OPC UA: folder Objects/Line in namespace urn:inspectd:bridge.

    Line.Status.Ready, .Life and others; Line.Verdict.Ticket, .Outcome (1 is PASS,
    nothing else), .Json and others; the client writes the ticket to
    Line.Acknowledge; method Line.Trigger(Part, DeadlineMs). All of it:
    docs/plc.md.
    """

    def peer() -> Peer:
        from inspectd.bridges.opcua import OpcuaPeer  # noqa: PLC0415 - see the top of this file

        return OpcuaPeer(listen, port, control, keys)

    _run(peer, verdicts, replay, keys, state, only, camera, silence_s, ack_s, waiting)


@app.command(epilog="Example: inspectd bridge mqtt --broker mes.local --topic factory/line-3")
def mqtt(
    broker: Annotated[str, _option("broker", "HOST", "The broker.")] = "127.0.0.1",
    port: Port = MQTT_PORT,
    topic: Annotated[str, _option("topic", "TOPIC", "What all topics begin with.")] = "inspectd",
    username: Annotated[str | None, _option("username", "NAME", "For the broker.")] = None,
    password_file: Annotated[Path | None, _option("password-file", "FILE", "Holds the password.")] = None,
    tls: Annotated[bool, _option("tls", "", "Speak TLS with the broker.")] = False,
    verdicts: Verdicts = addresses.VERDICTS,
    replay: Replay = addresses.REPLAY,
    keys: KeysFile = None,
    state: State = Path("bridge-mqtt.db"),
    only: OnlyKind = "all",
    silence_s: Silence = 1.8,
    ack_s: Patience = 2.0,
    waiting: Waiting = 256,
) -> None:
    """Publish to an MQTT broker, as JSON.

    TOPIC/state (retained, and the last will), TOPIC/verdict/CAMERA, TOPIC/part
    and TOPIC/lost (QoS 1). All of it: docs/plc.md.
    """
    password = None if password_file is None else _password(password_file)
    if not topic.strip("/") or set(topic) & set("+#"):
        raise SettingsError(f"--topic {topic}: must be the beginning of topics, without '+' and '#'")

    def peer() -> Peer:
        from inspectd.bridges.mqtt import Broker, MqttPeer  # noqa: PLC0415 - see the top of this file

        return MqttPeer(Broker(broker, port, topic.strip("/"), username, password, tls))

    _run(peer, verdicts, replay, keys, state, only, None, silence_s, ack_s, waiting)


def _password(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--password-file {path}: {error}") from error


def _run(
    make_peer: Callable[[], Peer],
    verdicts: str,
    replay: str,
    keys: Path | None,
    state: Path,
    only: str,
    cameras: list[str] | None,
    silence_s: float,
    ack_s: float,
    waiting: int,
) -> None:
    from inspectd import log  # noqa: PLC0415 - see the top of this file
    from inspectd.bridges.bridge import Bridge  # noqa: PLC0415 - likewise
    from inspectd.bridges.line import Limits, Line, Only  # noqa: PLC0415 - likewise
    from inspectd.bridges.memory import Memory  # noqa: PLC0415 - likewise
    from inspectd.client import Client  # noqa: PLC0415 - likewise

    log.configure()
    for library in ("asyncua", "pymodbus"):  # they tell of every connection
        logging.getLogger(library).setLevel(logging.WARNING)
    limits = Limits(silence_s, ack_s, waiting)
    try:
        kinds = Only(only)
    except ValueError as error:
        raise SettingsError(f"--only {only}: must be one of {', '.join(Only)}") from error

    def client(after: Position | None) -> Client:
        return Client(
            verdicts,
            replay=replay,
            since=None if after is None else after.sequence + 1,
            journal=None if after is None else after.journal,
            replay_timeout_s=REPLAY_TIMEOUT_S,
            patient=True,
            keys=keys,
        )

    async def bridge(memory: Memory) -> None:
        line = Line(memory.recall(), limits, only=kinds, cameras=cameras or ())
        await Bridge(client, line, memory, _made(make_peer), limits).run()

    with Memory(state) as memory:
        asyncio.run(bridge(memory))


def _made(make_peer: Callable[[], Peer]) -> Peer:
    try:
        return make_peer()
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise SettingsError(f"{package} is not installed; for bridges: pip install 'inspectd[bridges]'") from error
