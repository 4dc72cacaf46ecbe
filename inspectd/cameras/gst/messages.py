"""What a pipeline has to say while it runs, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inspectd.cameras.gst.packages import install_command, package_for
from inspectd.cameras.gst.recipe import without_credentials
from inspectd.cameras.gst.runtime import Runtime


@dataclass(frozen=True)
class End:
    """A pipeline delivers no more; `fault` says what is wrong, None where it has simply ended."""

    fault: str | None


class Messages:
    """Listens to a pipeline's bus."""

    def __init__(self, runtime: Runtime, pipeline: Any, note_broken: Callable[[], None]) -> None:
        """`note_broken` is called for each picture that a decoder has given up."""
        kinds = runtime.gst.MessageType
        self._error, self._eos, self._qos = kinds.ERROR, kinds.EOS, kinds.QOS
        self._heard = kinds.ERROR | kinds.EOS | kinds.QOS | kinds.ELEMENT
        self._bus = pipeline.get_bus()
        self._note_broken = note_broken
        self._given_up: dict[str, int] = {}
        self._advice: list[str] = []

    def end(self) -> End | None:
        """Take what was said since the last time; how the pipeline has ended, where it has."""
        while (message := self._bus.pop_filtered(self._heard)) is not None:
            if message.type == self._error:
                return End("; ".join([_fault(message), *self._advice]))
            if message.type == self._eos:
                return End(None)
            if message.type == self._qos:
                self._count_given_up(message)
            elif advice := _missing_plugin(message):
                self._advice.append(advice)
        return None

    def _count_given_up(self, message: Any) -> None:
        """A decoder tells how many pictures it has given up until now."""
        element, given_up = message.src.get_name(), message.parse_qos_stats().dropped
        for _ in range(given_up - self._given_up.get(element, 0)):
            self._note_broken()
        self._given_up[element] = max(0, given_up)


def _fault(message: Any) -> str:
    """The element, what it says, and its details."""
    error, details = message.parse_error()
    detail = (details or "").strip().partition("\n")[2]  # the first line is a place in GStreamer's source
    text = f"{message.src.get_name()}: {error.message.strip().rstrip('.')}"
    return without_credentials(f"{text} ({detail})" if detail else text)


def _missing_plugin(message: Any) -> str | None:
    """What to install, where something to decode or read with is missing."""
    structure = message.get_structure()
    if structure is None or structure.get_name() != "missing-plugin":
        return None
    detail = structure.get_value("detail")
    kind = detail if isinstance(detail, str) else detail.get_structure(0).get_name()
    package = package_for(kind)
    what = f"GStreamer lacks {structure.get_string('name') or kind}"
    return f"{what}; install it: {install_command([package])}" if package else what
