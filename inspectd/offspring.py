"""Processes that the daemon starts, seen from themselves."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the daemon's thread goes that started it; `parent` is the daemon's number.

    Raises:
        OSError: the kernel refuses.
        SystemExit: the daemon is gone already.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it went before the kernel knew
        raise SystemExit(0)
