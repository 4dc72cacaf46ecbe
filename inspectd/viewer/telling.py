"""Messages of the wire as the page gets them: what it shows, and no more."""

from __future__ import annotations

from typing import Any, Final

from inspectd.wire.models import Change, Message, Numbered, Verdict

REGIONS: Final = 24
"""Most regions told of a frame."""
_LEFT_OUT: Final = {"publisher", "journal", "wire", "captured_monotonic_ns", "decided_monotonic_ns"}
_LEFT_OUT_OF_CHANGES: Final = {*_LEFT_OUT, "changed_monotonic_ns"}
_LEFT_OUT_OF_PARTS: Final = {*_LEFT_OUT, "triggered_monotonic_ns"}


def told(message: Numbered) -> dict[str, Any]:
    """A verdict or a change."""
    if isinstance(message, Verdict):
        return _verdict(message)
    return _document(message, _LEFT_OUT_OF_CHANGES if isinstance(message, Change) else _LEFT_OUT_OF_PARTS)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    document = _document(verdict, _LEFT_OUT)
    left_out = len(document["regions"]) - REGIONS
    if left_out > 0:
        del document["regions"][REGIONS:]
        document["regions_omitted"] += left_out
    return document


def _document(message: Message, left_out: set[str]) -> dict[str, Any]:
    return message.model_dump(mode="json", exclude=left_out, exclude_none=True)
