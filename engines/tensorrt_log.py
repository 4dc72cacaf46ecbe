"""What TensorRT logs as errors, for the messages of exceptions: its calls only say that they failed."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Final

_KEPT: Final = 3


class TensorRTLog:
    """Keeps the last few; all else it logs is not for users. It may log from any thread."""

    def __init__(self, package: Any) -> None:
        """`package` is `tensorrt` or `tensorrt_rtx`."""
        self._lock = threading.Lock()
        self._last: deque[str] = deque(maxlen=_KEPT)
        self.logger = self._make_logger(package)
        """To be handed to TensorRT."""

    def __str__(self) -> str:
        with self._lock:
            return "; ".join(self._last) or "no reason given"

    def _keep(self, message: str) -> None:
        with self._lock:
            self._last.append(message)

    def _make_logger(self, package: Any) -> Any:
        grave, keep = (package.ILogger.INTERNAL_ERROR, package.ILogger.ERROR), self._keep

        class Logger(package.ILogger):  # type: ignore[misc]  # its base is only known now
            def __init__(self) -> None:
                package.ILogger.__init__(self)

            def log(self, severity: Any, message: str) -> None:
                if severity in grave:
                    keep(message)

        return Logger()
