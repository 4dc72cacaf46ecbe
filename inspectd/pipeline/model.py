"""The model: what judges a frame. Another one may take its place between two frames, while the line runs.

A frame is judged by the model that was in effect when it arrived, a part's frames by the one that was in effect when
the part was triggered; so nothing is judged by a mix. A model that was superseded keeps its engine until the last of
its frames is through.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import structlog

from calib.calibration import Calibration
from engines.base import Engine
from engines.bundle import Bundle
from engines.manifest import TileGeometry

log = structlog.get_logger(__name__)


class EngineUse:
    """An active engine, its free slots, and how much of what it has to judge is not through yet. Any thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._changed = threading.Condition()
        self._free = engine.slots
        self._users = 0
        self._retired = False
        self._stopped = False

    def enter(self) -> None:
        """A frame or a part has come that this engine is to judge."""
        with self._changed:
            self._users += 1

    def leave(self) -> None:
        """It is through: nobody will ask this engine for it any more."""
        with self._changed:
            self._users -= 1
            idle = self._retired and self._users == 0
        if idle:
            self._close()

    def acquire_slot(self) -> bool:
        """Wait for a free slot and take it; False where `stop` was called."""
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or self._stopped)
            if self._stopped:
                return False
            self._free -= 1
            return True

    def release_slot(self) -> None:
        """A batch was collected, or was none."""
        with self._changed:
            self._free += 1
            self._changed.notify()

    def retire(self) -> None:
        """Nothing more will come: the engine is closed once all that came is through."""
        with self._changed:
            self._retired = True
            idle = self._users == 0
        if idle:
            self._close()

    def stop(self) -> None:
        """Nobody waits for a slot any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _close(self) -> None:
        # On a thread of its own: freeing a GPU's memory may take longer than a frame may wait.
        threading.Thread(target=self.engine.close, name="retired engine", daemon=True).start()


@dataclass(frozen=True, eq=False)
class Model:
    """What judges."""

    use: EngineUse
    bundle: Bundle
    calibration: Calibration
    """The one in effect: the bundle's own, or with another threshold."""

    @classmethod
    def of(cls, engine: Engine, bundle: Bundle, calibration: Calibration | None = None) -> Model:
        """The model of an engine that is active, with the bundle's own calibration or another."""
        return cls(EngineUse(engine), bundle, calibration or bundle.calibration)

    def with_threshold(self, threshold: float) -> Model:
        """The same engine, judged against another threshold."""
        return replace(self, calibration=self.calibration.model_copy(update={"threshold": threshold}))

    @property
    def engine(self) -> Engine:
        """What measures the distances."""
        return self.use.engine

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.bundle.path.name

    @property
    def threshold(self) -> float:
        """A frame fails where its score reaches this."""
        return self.calibration.threshold

    @property
    def geometry(self) -> TileGeometry:
        """How frames are cut."""
        return self.bundle.manifest.tile
