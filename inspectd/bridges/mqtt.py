"""MQTT: the bridge publishes to a broker; what the broker has confirmed counts as taken."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import aiomqtt
import structlog

from inspectd.bridges.bridge import Acknowledge, Peer
from inspectd.bridges.codes import STATES, Kind
from inspectd.bridges.fields import STATUS_FIELDS
from inspectd.bridges.handover import Handover
from inspectd.bridges.line import Image, Status

KEEPALIVE_S: Final = 1
"""A broker that hears nothing for 1.5 times as long tells the last will."""
CONFIRM_S: Final = 2.0
"""Patience with the broker's confirmation; then the connection is made anew."""
PAUSE_S: Final = 0.5
"""Between two connections."""
OFFLINE: Final = json.dumps({"online": False, "ready": False})
"""The last will, and the last word of a bridge that stops: the safe state."""

_STATE_WORDS: Final = {number: state.value for state, number in STATES.items()}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Broker:
    """Where to publish, and as whom."""

    host: str
    port: int
    topic: str
    """What all topics begin with."""
    username: str | None = None
    password: str | None = None
    tls: bool = False


def state_topic(base: str) -> str:
    """Where the state is told, retained."""
    return f"{base}/state"


def handover_topic(base: str, handover: Handover) -> str:
    """Where a verdict, or word of lost ones, is told."""
    if handover.kind is Kind.FRAME:
        return f"{base}/verdict/{handover.camera}"
    return f"{base}/part" if handover.kind is Kind.PART else f"{base}/lost"


def state_json(image: Image) -> str:
    """The state: every status bit and number under its name."""
    told: dict[str, Any] = {"online": True}
    told |= {flag.name.lower(): flag in image.status for flag in Status if flag.name and flag is not Status.LIFE_BIT}
    told |= {field.name: field.read(image) for field in STATUS_FIELDS if field.name not in {"status", "map_version"}}
    told["state"] = _STATE_WORDS.get(image.state, "unknown")
    return json.dumps(told | {"surface": image.surface, "bundle": image.bundle})


class MqttPeer(Peer):
    """A client of a broker; while the broker is away, it tries again and again, and verdicts wait."""

    def __init__(self, broker: Broker) -> None:
        """The broker need not be there yet."""
        self._broker = broker
        self._image: Image | None = None
        self._state_due = asyncio.Event()
        self._verdict_due = asyncio.Event()

    async def start(self, acknowledge: Acknowledge) -> None:
        """The broker need not be there."""
        self._acknowledge = acknowledge

    def show(self, image: Image) -> None:
        """Have the state told if it changed, and what is offered published."""
        before, self._image = self._image, image
        if before is None or _without_noise(before) != _without_noise(image):
            self._state_due.set()
        if image.offered is not None:
            self._verdict_due.set()

    async def work(self) -> None:
        """Stay connected, and publish."""
        told = ""
        while True:
            try:
                await self._publish_all()
            except (aiomqtt.MqttError, TimeoutError) as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("no broker", host=self._broker.host, port=self._broker.port, error=told)
            await asyncio.sleep(PAUSE_S)

    async def _publish_all(self) -> None:
        """Publish until the connection is lost."""
        async with self._client() as client:
            log.info("connected", host=self._broker.host, port=self._broker.port)
            self._state_due.set()
            tasks = [asyncio.create_task(task) for task in (self._tell_states(client), self._hand_over(client))]
            try:
                for ended in (await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED))[0]:
                    ended.result()
            except asyncio.CancelledError:
                with suppress(aiomqtt.MqttError):  # a client that leaves in order has no last will
                    await client.publish(state_topic(self._broker.topic), OFFLINE, qos=1, retain=True, timeout=1.0)
                raise
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _client(self) -> aiomqtt.Client:
        broker = self._broker
        return aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=f"inspectd-bridge-{broker.topic}".replace("/", "-"),
            tls_params=aiomqtt.TLSParameters() if broker.tls else None,
            will=aiomqtt.Will(state_topic(broker.topic), OFFLINE, qos=1, retain=True),
            keepalive=KEEPALIVE_S,
            timeout=CONFIRM_S,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    async def _tell_states(self, client: aiomqtt.Client) -> None:
        while True:
            await self._state_due.wait()
            self._state_due.clear()
            if self._image is not None:
                await client.publish(state_topic(self._broker.topic), state_json(self._image), retain=True)

    async def _hand_over(self, client: aiomqtt.Client) -> None:
        """One after the other, each confirmed before the next: so none overtakes another, and a kill repeats one."""
        while True:
            offered = self._image.offered if self._image is not None else None
            if offered is None:
                self._verdict_due.clear()
                await self._verdict_due.wait()
                continue
            await client.publish(handover_topic(self._broker.topic, offered), offered.to_json(), qos=1)
            self._acknowledge(offered.ticket)

    async def close(self) -> None:
        """The connection has been left with `work`."""


def _without_noise(image: Image) -> tuple[object, ...]:
    """What is worth a message at once; the counts come along with the life, every half second."""
    return (image.life, image.status & ~(Status.AVAILABLE | Status.LATE | Status.PART_CUT), image.state, image.bundle)
