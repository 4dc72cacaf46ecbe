"""Signals handed to the program rather than to Python's own handlers."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

ENDING = (signal.SIGTERM, signal.SIGINT)
RELOAD = signal.SIGHUP


@contextmanager
def on_signals(signals: Sequence[signal.Signals], tell: Callable[[str], None]) -> Iterator[None]:
    """Call `tell` with the name of each that comes; a second SIGTERM or SIGINT ends the process at once."""

    def handle(number: int, _: object) -> None:
        name = signal.Signals(number)
        if name is not RELOAD:
            signal.signal(name, previous[name])
        tell(name.name)

    previous = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
