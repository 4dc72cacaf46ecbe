"""What the daemon tells its operator: lines for people on a terminal, JSON for a journal, always on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["auto", "console", "json"]


def configure(level: Level = "info", form: Form = "auto") -> None:
    """Set up structlog, and send the standard library's loggers the same way.

    `form` `auto` is `console` where standard error is a terminal, else `json`: one object a line with `timestamp`
    (ISO 8601, UTC), `level`, `event`, `logger`, what belongs to the event, and `exception` as data.
    """
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    # What both our own and the standard library's events go through.
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _console_time() if console else structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_ending(console)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # modules hold loggers from before this call
    )


def _console_time() -> Processor:
    return structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)


def _ending(console: bool) -> list[Processor]:
    if console:
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return [
        structlog.processors.dict_tracebacks,
        structlog.processors.EventRenamer("event"),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
