"""Encoder counts from the control socket, handed to the cameras that they are for."""

from __future__ import annotations

import time
from collections.abc import Mapping

from inspectd.errors import CountRefusedError
from inspectd.web.position import EncoderCounts
from inspectd.wire.models import EncoderAccepted, EncoderRequest


def take_count(encoders: Mapping[str, EncoderCounts], request: EncoderRequest) -> EncoderAccepted:
    """Give a count to its camera, or to all of `encoders`. One thread.

    Raises:
        CountRefusedError: no camera has an encoder, or the moment is not the next one; nothing was taken.
    """
    now_ns = time.monotonic_ns()
    moment_ns = now_ns if request.monotonic_ns is None else request.monotonic_ns
    chosen = _chosen(encoders, request.camera)
    newest_ns = max((encoder.newest_ns or 0 for encoder in chosen.values()), default=0)
    if moment_ns > now_ns:
        raise CountRefusedError(f"monotonic_ns = {moment_ns}: lies {(moment_ns - now_ns) / 1e9:.3f} s ahead of now")
    if moment_ns <= newest_ns:
        raise CountRefusedError(f"monotonic_ns = {moment_ns}: a count of a later moment, {newest_ns}, came before it")
    for encoder in chosen.values():
        encoder.add(request.count, moment_ns)
    return EncoderAccepted(count=request.count, cameras=tuple(chosen), monotonic_ns=moment_ns)


def _chosen(encoders: Mapping[str, EncoderCounts], camera: str | None) -> Mapping[str, EncoderCounts]:
    if not encoders:
        raise CountRefusedError("no camera has an encoder; set web.mm_per_count of one")
    if camera is None:
        return encoders
    if camera not in encoders:
        raise CountRefusedError(f"camera: '{camera}' has no encoder; those that have are {', '.join(encoders)}")
    return {camera: encoders[camera]}
