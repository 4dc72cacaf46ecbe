"""What the kernel allows this process."""

from __future__ import annotations

import resource
from typing import Final

from inspectd.errors import InspectdError

FILES: Final = 192
"""Open files that the daemon needs with no camera: interpreter, engine, journal, sockets, and some clients."""
FILES_A_CAMERA: Final = 16


def allow_open_files(cameras: int) -> None:
    """Let the process open as many files as it may. One that runs out of them while its sockets are made does not get
    as far as to say so: ZeroMQ aborts.

    Raises:
        InspectdError: that is less than so many cameras need.
    """
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = FILES + cameras * FILES_A_CAMERA
    if allowed != resource.RLIM_INFINITY and allowed < needed:
        raise InspectdError(
            f"this process may open {allowed} files, and {cameras} camera{'' if cameras == 1 else 's'} take up to "
            f"{needed}; raise the limit ('ulimit -n', LimitNOFILE= of the unit)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
