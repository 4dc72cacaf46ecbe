"""What a PLC may ask of the Modbus server, and what it may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymodbus.client import ModbusTcpClient

from inspectd.bridges.fields import ACKNOWLEDGE_REGISTER, IMAGE_WORDS
from inspectd.bridges.line import Status
from tests.bridges.plcs import decoded, modbus_client
from tests.bridges.rig import Rig, rig
from tests.daemons import wait_until

ILLEGAL_ADDRESS = 2


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("line"), "modbus", "--camera", "edge", "--camera", "web") as running:
        yield running


@pytest.fixture
def client(line: Rig) -> Iterator[ModbusTcpClient]:
    with modbus_client(line.port) as connected:
        yield connected


def image_of(client: ModbusTcpClient) -> dict[str, float | str]:
    words = [*client.read_holding_registers(0, count=100).registers]
    return decoded([*words, *client.read_holding_registers(100, count=64).registers])


def test_input_and_holding_registers_are_the_same(client: ModbusTcpClient) -> None:
    held = client.read_holding_registers(2, count=122).registers
    assert len(held) == 122
    bits = client.read_discrete_inputs(0, count=16).bits
    assert bits[:9] == [bool(held[0] >> number & 1) for number in range(9)]
    assert client.read_coils(0, count=1).bits[0] is True
    assert Status.READY in Status(held[0])


def test_the_life_counter_counts(client: ModbusTcpClient) -> None:
    first = image_of(client)["life"]
    wait_until(lambda: image_of(client)["life"] != first, "life goes on", 5)


@pytest.mark.parametrize("address", [0, 20, IMAGE_WORDS - 1])
def test_the_image_cannot_be_written(client: ModbusTcpClient, address: int) -> None:
    assert client.write_register(address, 1).exception_code == ILLEGAL_ADDRESS
    assert client.write_coil(0, True).exception_code == ILLEGAL_ADDRESS


def test_half_a_ticket_is_refused(client: ModbusTcpClient) -> None:
    """Two halves of two tickets would be a third one."""
    assert client.write_registers(ACKNOWLEDGE_REGISTER + 2, [0, 5]).exception_code == ILLEGAL_ADDRESS
    assert client.write_register(ACKNOWLEDGE_REGISTER, 1).exception_code == ILLEGAL_ADDRESS
    assert not client.write_registers(ACKNOWLEDGE_REGISTER, [0, 0, 0, 0]).isError()


def test_what_is_outside_the_map_is_refused(client: ModbusTcpClient) -> None:
    assert client.read_input_registers(IMAGE_WORDS, count=1).exception_code == ILLEGAL_ADDRESS
    assert client.read_holding_registers(160, count=10).exception_code == ILLEGAL_ADDRESS


def test_every_unit_id_is_answered(client: ModbusTcpClient) -> None:
    assert client.read_input_registers(0, count=1, device_id=1).registers == [1]
    assert client.read_input_registers(0, count=1, device_id=255).registers == [1]


def test_verdicts_are_told_whole_and_taken_away(line: Rig, client: ModbusTcpClient) -> None:
    line.plc.acting.clear()
    try:
        line.feed.publish(1, 10)
        last = line.feed.wait()
        wait_until(lambda: image_of(client)["sequence"] == last, "the verdict is offered")
        frame = image_of(client)
        assert (frame["kind"], frame["outcome"], frame["camera"], frame["camera_number"]) == (1, 2, "web", 2)
        assert (frame["regions"], frame["region_x"], frame["region_peak"]) == (1, 8, 3.5)
        line.feed.publish(1, 10, parts="470")
        line.feed.wait()
        assert image_of(client)["sequence"] == last, "one after the other"
        line.plc.acting.set()
        line.plc.wait_for(last)
        line.plc.acting.clear()
        line.plc.wait_for(last)
    finally:
        line.plc.acting.set()
    line.plc.wait_for(last + 1)
    wait_until(lambda: image_of(client)["kind"] == 0, "nothing is left to be read as a verdict")
    assert image_of(client)["outcome"] == 0
