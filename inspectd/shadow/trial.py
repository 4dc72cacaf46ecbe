"""One life of a candidate: its process, and the thread that brings it frames."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from inspectd.closing import Closing
from inspectd.errors import InspectdError
from inspectd.metrics.meters import Meters
from inspectd.pipeline.onlookers import Seen
from inspectd.shadow.messages import Begin, Compared, Ready
from inspectd.shadow.process import WORKER, CandidateProcess
from inspectd.wire.models import Outcome, ShadowFigures, ShadowState

LOAD_S: Final = 600.0
"""How long it may take to be ready."""
PATIENCE_S: Final = 120.0
"""How long it may take for a frame; with what the line leaves it, that may be many times its computing time."""
PAUSE: Final = 0.25
"""How long it rests after a frame, as a share of the time that it took."""
CLOSE_S: Final = 5.0

log = structlog.get_logger(__name__)


class Trial(Closing):
    """Begins on construction. It is shown at most one frame at a time; the others pass it by."""

    def __init__(
        self,
        begin: Begin,
        meters: Meters,
        on_ready: Callable[[], None],
        on_failed: Callable[[str], None],
        *,
        program: Sequence[str] = WORKER,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`on_ready` is called once, when it may be shown frames; it ends where that raises InspectdError. `on_failed`
        is told once why it cannot go on. Both by its own thread, and not once it is to end."""
        self._begin = begin
        self._meters = meters
        self._on_ready = on_ready
        self._on_failed = on_failed
        self._program = program
        self._patience_s = patience_s
        self._over = threading.Event()
        self._state = ShadowState.LOADING
        self._reason: str | None = None
        self._figures = ShadowFigures()
        self._waits = False
        self._handed: queue.SimpleQueue[Seen | None] = queue.SimpleQueue()
        self._missed = 0
        self._counted = 0
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it, without waiting for the frame that it looks at. May be called more than once."""
        self._over.set()
        self._waits = False
        self._handed.put(None)
        self._thread.join(CLOSE_S)

    # Any thread

    @property
    def state(self) -> ShadowState:
        """Where it is."""
        return self._state

    @property
    def reason(self) -> str | None:
        """Why it failed."""
        return self._reason

    @property
    def figures(self) -> ShadowFigures:
        """As of the last frame that it looked at, and with those that passed it by since."""
        figures = self._figures
        return figures.model_copy(update={"skipped": figures.skipped + self._missed - self._counted})

    @property
    def wants_pictures(self) -> bool:
        """Whether it waits for a frame."""
        return self._waits

    # The publisher's

    def saw(self, seen: Seen) -> None:
        """See `Onlooker.saw`."""
        if self._state is not ShadowState.COMPARING or seen.verdict.outcome is Outcome.ERROR:
            return
        if seen.frame is None or seen.distance_map is None or not self._waits:
            self._missed += 1
            self._meters.shadow_skipped()
            return
        self._waits = False
        seen.frame.retain()
        self._handed.put(seen)
        if self._over.is_set():  # meanwhile; the thread may look there no more
            self._let_go()
            self._handed.put(None)  # or it may, and what was to end its wait has gone with the rest

    # The thread

    def _run(self) -> None:
        try:
            with CandidateProcess(self._begin, self._program) as process:
                self._converse(process)
        except (InspectdError, OSError) as error:
            self._fail(str(error))
        except Exception as error:
            log.exception("the shadow failed")
            self._fail(repr(error))
        finally:
            self._over.set()
            self._let_go()

    def _converse(self, process: CandidateProcess) -> None:
        ready = process.answer(LOAD_S, self._over)
        if not isinstance(ready, Ready):
            return
        self._figures, self._state = ready.figures, ShadowState.COMPARING
        if not self._over.is_set():
            self._on_ready()
        while (seen := self._next()) is not None:
            began_s = time.monotonic()
            self._compare(process, seen)
            self._over.wait(PAUSE * (time.monotonic() - began_s))

    def _next(self) -> Seen | None:
        self._waits = not self._over.is_set()
        return self._handed.get()

    def _compare(self, process: CandidateProcess, seen: Seen) -> None:
        assert seen.frame is not None
        assert seen.distance_map is not None
        missed = self._missed
        try:
            look = process.show(seen.verdict, seen.frame, seen.distance_map, missed - self._counted)
        finally:
            seen.frame.release()
        process.ask(look)
        told = process.answer(self._patience_s, self._over)
        if isinstance(told, Compared):
            self._figures, self._counted = told.figures, missed
            self._meters.shadow_compared(told.agreement)

    def _fail(self, reason: str) -> None:
        self._waits = False
        self._state, self._reason = ShadowState.FAILED, reason
        if not self._over.is_set():
            self._on_failed(reason)

    def _let_go(self) -> None:
        with suppress(queue.Empty):
            while True:
                seen = self._handed.get_nowait()
                if seen is not None and seen.frame is not None:
                    seen.frame.release()
