"""Threads whose end must not go unseen: a daemon that lost a stage must not look alive."""

from __future__ import annotations

import threading
from collections.abc import Callable


def stage(name: str, work: Callable[[], None], on_fatal: Callable[[Exception], None]) -> threading.Thread:
    """A thread for `work`, not yet started; `on_fatal` is told whatever ends it by surprise."""

    def guarded() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - handed on, whatever it is
            on_fatal(error)

    return threading.Thread(target=guarded, name=name, daemon=True)
