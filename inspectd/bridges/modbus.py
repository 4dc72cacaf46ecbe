"""Modbus TCP: the bridge is the server, the PLC polls it and writes the ticket of what it has taken."""

from __future__ import annotations

from typing import Final

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from inspectd.bridges.bridge import Acknowledge, Peer
from inspectd.bridges.fields import (
    ACKNOWLEDGE_REGISTER,
    IMAGE_WORDS,
    STATUS_REGISTER,
    TICKET_WORDS,
    ticket_of,
    words_of,
)
from inspectd.bridges.line import Image
from inspectd.errors import PublishError

BITS: Final = 16
_READ_BITS: Final = (1, 2)
_WRITE_TICKET: Final = (16, 23)


class ModbusPeer(Peer):
    """A server whose registers are the image at the moment in which they are read.

    Input and holding registers are the same, as are discrete inputs and coils, since not every PLC reads all of them.
    """

    def __init__(self, host: str, port: int) -> None:
        """Addresses are bound by `start`."""
        self._host, self._port = host, port
        self._image: Image | None = None
        self._words = [0] * IMAGE_WORDS
        self._server: ModbusTcpServer | None = None

    async def start(self, acknowledge: Acknowledge) -> None:
        """Listen.

        Raises:
            PublishError: the port cannot be bound.
        """
        self._acknowledge = acknowledge
        self._server = ModbusTcpServer(self._device(), address=(self._host, self._port))
        try:
            await self._server.serve_forever(background=True)
        except (RuntimeError, OSError) as error:
            raise PublishError(
                f"{self._host}:{self._port} cannot be bound; is it in use, or below 1024 without the right to it?"
            ) from error

    def _device(self) -> SimDevice:
        """Answers under every unit id."""
        image = SimData(0, count=IMAGE_WORDS, datatype=DataType.REGISTERS, readonly=True)
        ticket = SimData(ACKNOWLEDGE_REGISTER, count=TICKET_WORDS, datatype=DataType.REGISTERS)
        bits = [SimData(0, values=[False] * BITS, datatype=DataType.BITS, readonly=True) for _ in range(2)]
        return SimDevice(0, simdata=([bits[0]], [bits[1]], [image, ticket], [image]), action=self._asked)

    async def _asked(
        self,
        function: int,
        _start: int,
        address: int,
        count: int,
        registers: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Bring the registers up to date before they are read; take a ticket that is written."""
        if written is not None:
            if function not in _WRITE_TICKET or (address, count) != (ACKNOWLEDGE_REGISTER, TICKET_WORDS):
                return ExcCodes.ILLEGAL_ADDRESS  # half a ticket would be another one's
            self._acknowledge(ticket_of([int(word) for word in written]))
        elif function in _READ_BITS:
            registers[0] = self._current()[STATUS_REGISTER]
        else:
            registers[:IMAGE_WORDS] = self._current()
        return None

    async def work(self) -> None:
        """The server does it all."""
        assert self._server is not None
        await self._server.serving

    def show(self, image: Image) -> None:
        """Keep it; registers are made of it when they are asked for."""
        self._image = image

    def _current(self) -> list[int]:
        if self._image is not None:
            self._words, self._image = words_of(self._image), None
        return self._words

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call] # pymodbus leaves it so
