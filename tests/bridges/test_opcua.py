"""What a client finds on the OPC UA server, and what it may do there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaError

from inspectd.bridges.nodes import NAMESPACE, PATH
from inspectd.control import ControlServer
from inspectd.errors import TriggerRefusedError
from inspectd.wire.models import ControlRequest, TriggerAccepted, TriggerRequest
from tests.bridges.rig import Rig, rig
from tests.daemons import free_port

Work = Callable[[Client, Callable[[str], Any]], Awaitable[None]]


def with_client(line: Rig, work: Work) -> None:
    """Do some work with a client that knows nodes by their path."""

    async def connected() -> None:
        async with Client(f"opc.tcp://127.0.0.1:{line.port}/{PATH}") as client:
            index = await client.get_namespace_index(NAMESPACE)
            await work(client, lambda path: client.get_node(f"ns={index};s={path}"))

    asyncio.run(connected())


async def until(node: Any, value: object) -> None:
    async with asyncio.timeout(10):
        while await node.read_value() != value:
            await asyncio.sleep(0.02)


def test_the_model_is_found_by_browsing_and_tells_the_verdict(tmp_path: Path) -> None:
    async def work(client: Client, node: Callable[[str], Any]) -> None:
        line_node = await client.nodes.objects.get_child("2:Line")
        names = {(await child.read_browse_name()).Name for child in await line_node.get_children()}
        assert names == {"Status", "Verdict", "Acknowledge"}, "no Trigger without --control"
        assert await node("Line.Status.Ready").read_value() is True
        assert await node("Line.Status.Surface").read_value() == "brick"
        await until(node("Line.Verdict.Sequence"), last)
        assert await node("Line.Verdict.Outcome").read_value() == 2
        assert await node("Line.Verdict.Camera").read_value() == "web"
        told = json.loads(await node("Line.Verdict.Json").read_value())
        ticket = await node("Line.Verdict.Ticket").read_value()
        assert (told["series"], told["sequence"]) == divmod(ticket, 1 << 32)
        assert (told["kind"], told["outcome"], told["regions"][0]["peak"]) == ("verdict", "FAIL", 3.5)
        await refuses(node("Line.Verdict.Outcome").write_value(ua.DataValue(ua.Variant(1, ua.VariantType.UInt16))))
        await refuses(node("Line.Acknowledge").write_value(ua.DataValue(ua.Variant("1", ua.VariantType.String))))
        await node("Line.Acknowledge").write_value(ua.DataValue(ua.Variant(ticket, ua.VariantType.UInt64)))
        await until(node("Line.Status.Available"), False)
        for name, nothing in (("Kind", 0), ("Outcome", 0), ("Json", ""), ("Ticket", 0), ("Camera", "")):
            assert await node(f"Line.Verdict.{name}").read_value() == nothing

    with rig(tmp_path, "opcua") as line:
        line.plc.acting.clear()
        line.feed.publish(1, 10)
        last = line.feed.wait()
        with_client(line, work)


async def refuses(written: Awaitable[object]) -> None:
    with pytest.raises(UaError):
        await written


def test_a_trigger_reaches_the_daemon(tmp_path: Path) -> None:
    control = f"tcp://127.0.0.1:{free_port()}"
    asked: list[ControlRequest] = []

    def handle(request: ControlRequest) -> TriggerAccepted:
        asked.append(request)
        if len(asked) > 1:
            raise TriggerRefusedError("part '4711' is open already")
        return TriggerAccepted(
            part="4711", cameras=("web",), deadline_ms=400, triggered_utc="", triggered_monotonic_ns=1
        )

    async def work(_: Client, node: Callable[[str], Any]) -> None:
        line_node = node("Line")
        arguments = (ua.Variant("4711", ua.VariantType.String), ua.Variant(400.0, ua.VariantType.Double))
        assert await line_node.call_method(node("Line.Trigger"), *arguments) == [True, ""]
        accepted, detail = await line_node.call_method(node("Line.Trigger"), *arguments)
        assert (accepted, detail) == (False, "part '4711' is open already")

    with ControlServer(control, handle), rig(tmp_path, "opcua", "--control", control) as line:
        with_client(line, work)
    assert asked == [TriggerRequest(part="4711", deadline_ms=400)] * 2
