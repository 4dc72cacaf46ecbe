"""Starts the candidate's process: `python -m inspectd.shadow.start`.

It runs when nobody else on the machine wants to (SCHED_IDLE), from before its libraries are loaded, which takes a
second or two of computing; and it is the first to go where memory runs out.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

NICENESS: Final = 19
"""Where SCHED_IDLE is not to be had."""
OOM_SCORE: Final = "800"


def give_way() -> None:
    """Take the time that nobody else wants, and no memory from others. A stricter unit than ours may forbid some of
    it."""
    with suppress(OSError):
        os.nice(NICENESS)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


if __name__ == "__main__":
    give_way()
    from inspectd.shadow.worker import main

    main()
