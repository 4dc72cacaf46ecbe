"""The other side, with real clients of each protocol: they act on every ticket that is new, as docs/plc.md says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaError
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from inspectd.bridges.codes import OUTCOMES, OutcomeCode
from inspectd.bridges.fields import ACKNOWLEDGE_REGISTER, FIELDS
from inspectd.bridges.line import Status
from inspectd.bridges.nodes import NAMESPACE, PATH
from tests.daemons import wait_until

POLL_S = 0.002


@dataclass(frozen=True)
class Seen:
    """What a PLC has acted on."""

    series: int
    sequence: int
    outcome: int
    at_ns: int
    """On the monotonic clock."""


class Plc(ABC):
    """Runs in a thread of its own; remembers what it has acted on, whatever becomes of the bridge."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.repeats = 0
        """Tickets that were offered though they had been acted on."""
        self.ready: list[tuple[bool, int]] = [(False, time.monotonic_ns())]
        """Changes of the ready bit, with their time; a connection that is lost counts as not ready."""
        self.acting = threading.Event()
        self.acting.set()
        self._last = (0, 0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    @abstractmethod
    def _work(self) -> None: ...

    def act(self, series: int, sequence: int, outcome: int) -> None:
        """Act on a verdict, unless that was done already."""
        last_series, last = self._last
        if series == last_series and (sequence - last - 1) % (1 << 32) >= 1 << 31:  # not after it, in 32 bits
            self.repeats += 1
            return
        self._last = (series, sequence)
        self.seen.append(Seen(series, sequence, outcome, time.monotonic_ns()))

    def notice(self, ready: bool) -> None:
        """Take note of the ready bit."""
        if ready is not self.ready[-1][0]:
            self.ready.append((ready, time.monotonic_ns()))

    @property
    def is_ready(self) -> bool:
        return self.ready[-1][0]

    def wait_for(self, sequence: int, timeout_s: float = 60) -> None:
        """Until it has acted on this number."""
        wait_until(lambda: self._last[1] >= sequence, f"verdict {sequence}; the last is {self._last}", timeout_s)

    def wait_ready(self, ready: bool = True, timeout_s: float = 20) -> None:
        """Until the ready bit is so."""
        wait_until(lambda: self.is_ready is ready, f"ready {ready}", timeout_s)


class ModbusPlc(Plc):
    """Polls input registers 0 to 123, and writes the ticket to the holding registers."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def _work(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(ModbusException, OSError), modbus_client(self._port) as client:
                while not self._stopping.is_set():
                    self._cycle(client)
                    time.sleep(POLL_S)
            self.notice(False)
            time.sleep(0.05)

    def _cycle(self, client: ModbusTcpClient) -> None:
        words = list(client.read_input_registers(0, count=124).registers)
        image = decoded(words)
        status = Status(int(image["status"]))
        self.notice(Status.READY in status)
        if Status.AVAILABLE in status and self.acting.is_set():
            self.act(int(image["series"]), int(image["sequence"]), int(image["outcome"]))
            client.write_registers(ACKNOWLEDGE_REGISTER, words[20:24])


def modbus_client(port: int) -> ModbusTcpClient:
    """A client that connects when it is entered, and lets nothing be tried twice."""
    return ModbusTcpClient("127.0.0.1", port=port, timeout=1, retries=0)


def decoded(words: list[int]) -> dict[str, float | str]:
    """Registers from 0 on, read as docs/plc.md says; text that is not whole is left out."""
    image: dict[str, float | str] = {}
    for field in FIELDS:
        taken = words[field.register : field.register + field.words]
        if len(taken) < field.words:
            continue
        data = b"".join(word.to_bytes(2, "big") for word in taken)
        if field.type.name == "TEXT":
            image[field.name] = data.rstrip(b"\0").decode()
        elif field.type.name == "F32":
            image[field.name] = ModbusTcpClient.convert_from_registers(taken, ModbusTcpClient.DATATYPE.FLOAT32)  # type: ignore[assignment]
        else:
            image[field.name] = int.from_bytes(data, "big")
    return image


class OpcuaPlc(Plc):
    """Subscribes to the ticket and to ready; reads the verdict when the ticket changes, then writes it back."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._url = f"opc.tcp://127.0.0.1:{port}/{PATH}"

    def _work(self) -> None:
        asyncio.run(self._stay_connected())

    async def _stay_connected(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, TimeoutError, asyncio.TimeoutError, UaError, ConnectionError):
                async with Client(self._url, timeout=2) as client:
                    await self._serve(client)
            self.notice(False)
            await asyncio.sleep(0.05)

    async def _serve(self, client: Client) -> None:
        index = await client.get_namespace_index(NAMESPACE)
        node = {name: client.get_node(f"ns={index};s=Line.{name}") for name in NODES}
        changes: asyncio.Queue[tuple[Any, Any]] = asyncio.Queue()

        class Handler:
            def datachange_notification(self, changed: Any, value: Any, _data: Any) -> None:
                changes.put_nowait((changed, value))

        subscription = await client.create_subscription(5, Handler())
        await subscription.subscribe_data_change([node["Verdict.Ticket"], node["Status.Ready"]])
        while not self._stopping.is_set():
            try:
                changed, value = await asyncio.wait_for(changes.get(), 0.2)
            except TimeoutError:
                await node["Status.Life"].read_value()  # raises where the bridge is gone
                continue
            if changed == node["Status.Ready"]:
                self.notice(bool(value))
            elif value and self.acting.is_set():
                await self._take(client, node, value)

    async def _take(self, client: Client, node: dict[str, Any], ticket: int) -> None:
        wanted = [node["Verdict.Ticket"], node["Verdict.Series"], node["Verdict.Sequence"], node["Verdict.Outcome"]]
        now, series, sequence, outcome = await client.read_values(wanted)
        assert (now, series << 32 | sequence) == (ticket, ticket), "the verdict is another than its ticket's"
        self.act(series, sequence, outcome)
        await node["Acknowledge"].write_value(ua.DataValue(ua.Variant(ticket, ua.VariantType.UInt64)))


NODES = (
    "Verdict.Ticket",
    "Verdict.Series",
    "Verdict.Sequence",
    "Verdict.Outcome",
    "Verdict.Json",
    "Status.Ready",
    "Status.Life",
    "Acknowledge",
)


class MqttMes(Plc):
    """Subscribes to everything under the topic."""

    def __init__(self, port: int, topic: str) -> None:
        super().__init__()
        self._port, self._topic = port, topic
        self.messages: list[tuple[str, dict[str, Any]]] = []
        """All that came, but states."""
        self.states: list[dict[str, Any]] = []

    def _work(self) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2, "mes", clean_session=False)
        client.on_message = self._message
        client.on_connect = self._connected
        client.connect_async("127.0.0.1", self._port)
        client.loop_start()
        self._stopping.wait()
        client.disconnect()
        client.loop_stop()

    def _connected(self, client: paho.Client, *_: object) -> None:
        client.subscribe(f"{self._topic}/#", qos=1)

    def _message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        told = json.loads(message.payload)
        if message.topic == f"{self._topic}/state":
            self.states.append(told)
            self.notice(told["ready"])
            return
        self.messages.append((message.topic, told))
        outcome = OUTCOMES[told["outcome"]] if told["kind"] != "lost" else OutcomeCode.LOST
        self.act(told["series"], told["sequence"], outcome)


class Mosquitto:
    """A broker of its own, which keeps the sessions of its clients when it is told to end."""

    def __init__(self, folder: Path, port: int) -> None:
        configuration = folder / "mosquitto.conf"
        configuration.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nuser root\n"
            f"persistence true\npersistence_location {folder}/\n"
        )
        self._start: Callable[[], subprocess.Popen[bytes]] = lambda: subprocess.Popen(
            ["mosquitto", "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def start(self) -> None:
        self.process = self._start()
