"""`inspectd run` with a limit of the kernel's: python -m tests.faults.limited_daemon NOFILE 24 CONFIG."""

from __future__ import annotations

import os
import resource
import sys

if __name__ == "__main__":
    name, limit, config = sys.argv[1:]
    resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (int(limit), int(limit)))
    os.execv(sys.executable, [sys.executable, "-m", "inspectd.cli", "run", config])  # noqa: S606 - the daemon itself
