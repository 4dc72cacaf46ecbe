"""OPC UA: the bridge is the server; the client reads or subscribes, and writes the ticket of what it has taken."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds

from inspectd.bridges.bridge import Acknowledge, Peer
from inspectd.bridges.line import Image
from inspectd.bridges.nodes import ACKNOWLEDGE, NAMESPACE, NODES, PATH, TRIGGER
from inspectd.client import Controller
from inspectd.errors import InspectdError, PublishError


class OpcuaPeer(Peer):
    """A server with the folder `Line`; `control` is where `Trigger` goes, which is not there without one."""

    def __init__(self, host: str, port: int, control: str | None, keys: Path | None = None) -> None:
        """Addresses are bound by `start`; `keys` is this client's file, where the daemon asks for one."""
        self._host, self._port, self._control, self._keys = host, port, control, keys
        self._nodes: dict[str, tuple[ua.NodeId, ua.VariantType]] = {}
        self._written: dict[str, object] = {}
        self._image: Image | None = None
        self._changed = asyncio.Event()

    async def start(self, acknowledge: Acknowledge) -> None:
        """Build the nodes and listen.

        Raises:
            PublishError: the port cannot be bound.
        """
        self._acknowledge = acknowledge
        self._server = Server()
        await self._server.init()
        self._server.set_endpoint(f"opc.tcp://{self._host}:{self._port}/{PATH}")
        self._server.set_server_name("inspectd")
        # Whoever reaches the port may read and acknowledge, as with Modbus: docs/plc.md says what that asks for.
        self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        await self._build(await self._server.register_namespace(NAMESPACE))
        try:
            await self._server.start()
        except OSError as error:
            raise PublishError(f"{self._host}:{self._port} cannot be bound: {error.strerror or error}") from error

    async def _build(self, namespace: int) -> None:
        line = await _add_folder(self._server.nodes.objects, namespace, "Line")
        folders = {name: await _add_folder(line, namespace, f"Line.{name}") for name in ("Status", "Verdict")}
        for node in NODES:
            kind = ua.VariantType[node.type]
            parent = folders[node.folder]
            added = await parent.add_variable(*_named(namespace, node.path), node.nothing, varianttype=kind)
            self._nodes[node.path] = (added.nodeid, kind)
        taken = await line.add_variable(*_named(namespace, ACKNOWLEDGE), 0, varianttype=ua.VariantType.UInt64)
        await taken.set_writable()
        self._server.set_attribute_value_setter(taken.nodeid, self._taken)
        if self._control is not None:
            await line.add_method(
                *_named(namespace, TRIGGER),
                self._trigger,
                [_argument("Part", ua.VariantType.String), _argument("DeadlineMs", ua.VariantType.Double)],
                [_argument("Accepted", ua.VariantType.Boolean), _argument("Detail", ua.VariantType.String)],
            )

    def _taken(self, node: Any, attribute: AttributeIds, value: ua.DataValue) -> None:
        node.attributes[attribute].value = value
        if value.Value is not None and isinstance(value.Value.Value, int):
            self._acknowledge(value.Value.Value)

    async def _trigger(self, _parent: ua.NodeId, part: ua.Variant, deadline_ms: ua.Variant) -> list[ua.Variant]:
        """Trigger a part at all cameras; a deadline of 0 stands for theirs."""
        try:
            await asyncio.to_thread(self._ask, str(part.Value), float(deadline_ms.Value) or None)
        except InspectdError as error:
            return _answer(accepted=False, detail=str(error))
        return _answer(accepted=True, detail="")

    def _ask(self, part: str, deadline_ms: float | None) -> None:
        assert self._control is not None
        with Controller(self._control, keys=self._keys) as controller:
            controller.trigger(part, deadline_ms=deadline_ms)

    def show(self, image: Image) -> None:
        """Have what changed written to its nodes."""
        self._image = image
        self._changed.set()

    async def work(self) -> None:
        """Write what changed to its nodes."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._image is not None:
                image = self._image
                for node in NODES:
                    await self._write(node.path, node.read(image))

    async def _write(self, path: str, value: object) -> None:
        if self._written.get(path) == value:
            return
        node, kind = self._nodes[path]
        await self._server.write_attribute_value(node, ua.DataValue(ua.Variant(value, kind)))
        self._written[path] = value

    async def close(self) -> None:
        """Stop listening."""
        await self._server.stop()


async def _add_folder(parent: Any, namespace: int, path: str) -> Any:
    return await parent.add_folder(*_named(namespace, path))


def _named(namespace: int, path: str) -> tuple[ua.NodeId, ua.QualifiedName]:
    """Node id and browse name of a path; the name is what stands after its last dot."""
    name = path.rpartition(".")[2]
    return ua.NodeId(ua.String(path), ua.Int16(namespace)), ua.QualifiedName(ua.String(name), ua.UInt16(namespace))


def _argument(name: str, kind: ua.VariantType) -> ua.Argument:
    return ua.Argument(Name=name, DataType=ua.NodeId(ua.Int32(kind.value)), ValueRank=-1)


def _answer(*, accepted: bool, detail: str) -> list[ua.Variant]:
    return [ua.Variant(accepted, ua.VariantType.Boolean), ua.Variant(detail, ua.VariantType.String)]
