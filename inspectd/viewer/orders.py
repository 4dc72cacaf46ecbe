"""What somebody at the page asks the daemon to do."""

from __future__ import annotations

import threading
from typing import Annotated, Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from inspectd.client import Controller
from inspectd.viewer.sources import Sources

PATIENCE_S: Final = 3.0
"""For an answer of the daemon."""
CHANGE_S: Final = 60.0
"""For a change to be in effect; it goes on beyond that."""

Word = Annotated[str, Field(min_length=1, max_length=128)]
Why = Annotated[str, Field(min_length=1, max_length=500)]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Order(Protocol):
    """Something to be done."""

    def carry_out(self, controller: Controller) -> BaseModel:
        """Ask the daemon; its answer."""


class TriggerOrder(_Order):
    """A part is there."""

    part: Word

    def carry_out(self, controller: Controller) -> BaseModel:
        """Ask the daemon; its answer."""
        return controller.trigger(self.part)


class ThresholdOrder(_Order):
    """Judge against another threshold."""

    value: float
    who: Word
    why: Why

    def carry_out(self, controller: Controller) -> BaseModel:
        """Ask the daemon; its answer."""
        return controller.move_threshold(self.value, who=self.who, why=self.why, timeout_s=CHANGE_S)


class UndoOrder(_Order):
    """Put the threshold back."""

    who: Word
    why: Why

    def carry_out(self, controller: Controller) -> BaseModel:
        """Ask the daemon; its answer."""
        return controller.undo_threshold(who=self.who, why=self.why, timeout_s=CHANGE_S)


class RollbackOrder(_Order):
    """Judge by the bundle that did before."""

    who: Word
    why: Why

    def carry_out(self, controller: Controller) -> BaseModel:
        """Ask the daemon; its answer."""
        return controller.rollback(who=self.who, why=self.why, timeout_s=CHANGE_S)


ORDERS: Final = {
    "trigger": TriggerOrder,
    "threshold": ThresholdOrder,
    "undo": UndoOrder,
    "rollback": RollbackOrder,
}
"""By the name under which the page asks for them."""


class Orders:
    """Hands orders to the daemon, one after the other. Any thread may call it."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._lock = threading.Lock()

    def carry_out(self, order: Order) -> dict[str, Any]:
        """Ask the daemon; its answer.

        Raises:
            RequestRefusedError: it was not done.
            ClientError: no answer came.
        """
        with self._lock, self._controller() as controller:
            return order.carry_out(controller).model_dump(mode="json")

    def standing(self) -> dict[str, Any]:
        """What judges, and whether that can be changed; raises as `carry_out`."""
        with self._controller() as controller:
            return controller.status().model_dump(mode="json", include={"model"})

    def _controller(self) -> Controller:
        return Controller(self._sources.control, PATIENCE_S, self._sources.keys)
