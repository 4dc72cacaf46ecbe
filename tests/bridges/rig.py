"""A line on loopback: a publisher, a bridge and a PLC, each of which can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from inspectd.settings import PublishSettings
from tests.bridges.feeding import Feed
from tests.bridges.plcs import ModbusPlc, Mosquitto, MqttMes, OpcuaPlc, Plc
from tests.daemons import free_port
from tests.inspectd.publishing import local_settings

TOPIC = "factory/line-3"
PROTOCOLS = ("modbus", "opcua", "mqtt")


class BridgeProcess:
    """`inspectd bridge` as a process; killed at the end of the block if it still lives."""

    def __init__(self, folder: Path, protocol: str, settings: PublishSettings, port: int, *options: str) -> None:
        self.log = folder / "bridge.log"
        self.state = folder / "bridge.db"
        topic = ("--topic", TOPIC) if protocol == "mqtt" else ()
        self._command = [
            sys.executable,
            "-m",
            "inspectd.cli",
            "bridge",
            protocol,
            "--port",
            str(port),
            *topic,
            *options,
        ]
        self._environment = {
            "INSPECTD_BRIDGE_VERDICTS": settings.verdicts,
            "INSPECTD_BRIDGE_REPLAY": settings.replay,
            "INSPECTD_BRIDGE_STATE": str(self.state),
        }
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env={**os.environ, **self._environment}
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """SIGKILL, and start another."""
        self.kill()
        self.start()

    def terminate(self) -> int:
        """SIGTERM, and wait for the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


@dataclass
class Rig:
    feed: Feed
    bridge: BridgeProcess
    plc: Plc
    settings: PublishSettings
    port: int
    broker: Mosquitto | None = None
    notes: list[str] = field(default_factory=list)


@contextlib.contextmanager
def rig(folder: Path, protocol: str, *options: str) -> Iterator[Rig]:
    """All of it, running, and the line ready."""
    settings, port = local_settings(), free_port()
    with contextlib.ExitStack() as stack:
        feed = stack.enter_context(Feed(folder / "journal.db", settings))
        broker = stack.enter_context(Mosquitto(folder, port)) if protocol == "mqtt" else None
        plc = stack.enter_context(_plc(protocol, port))
        bridge = stack.enter_context(BridgeProcess(folder, protocol, settings, port, *options))
        try:
            plc.wait_ready()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{bridge.log.read_text()}") from error
        yield Rig(feed, bridge, plc, settings, port, broker)


def _plc(protocol: str, port: int) -> Plc:
    if protocol == "modbus":
        return ModbusPlc(port)
    return OpcuaPlc(port) if protocol == "opcua" else MqttMes(port, TOPIC)
