"""Which model judges, against which threshold, and what did before: the content of `active.json`.

Nothing here touches the disk. Each change makes a new state from the old one, so that what is written is one or the
other.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from inspectd.errors import ModelRefusedError
from inspectd.wire.drafts import ChangeDraft

KEPT_BEFORE: Final = 16
"""Bundles, and of each the thresholds, that can be gone back to."""
KEPT_CHANGES: Final = 64
"""Changes that are told to the journal by the next start, where it does not have them yet."""


class Judging(BaseModel):
    """A bundle, and the threshold that it judges against."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bundle: str
    """Its name."""
    threshold: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """None: the bundle's own."""
    before: tuple[float | None, ...] = ()
    """The thresholds from which it was moved, newest last."""


class Active(BaseModel):
    """What judges, and the way back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    judging: Judging
    previous: tuple[Judging, ...] = ()
    """What judged before, as it did then, newest last."""
    changes: tuple[ChangeDraft, ...] = ()
    """How it came to be so, newest last."""

    @property
    def previous_bundle(self) -> str | None:
        """What a rollback would make active."""
        return self.previous[-1].bundle if self.previous else None

    def rolled_back(self) -> Active:
        """The bundle that judged before, against the threshold of that time.

        Raises:
            ModelRefusedError: there is none.
        """
        if not self.previous:
            raise ModelRefusedError(
                f"no bundle judged before {self.judging.bundle}; choose one of 'inspectd models list' and activate it"
            )
        return self.model_copy(update={"judging": self.previous[-1], "previous": self.previous[:-1]})

    def threshold_moved(self, threshold: float) -> Active:
        """The same bundle against another threshold.

        Raises:
            ModelRefusedError: that is where it stands.
        """
        judging = self.judging
        if threshold == judging.threshold:
            raise ModelRefusedError(f"the threshold is {threshold:g} already")
        before = (*judging.before, judging.threshold)[-KEPT_BEFORE:]
        return self._judging(Judging(bundle=judging.bundle, threshold=threshold, before=before))

    def threshold_put_back(self) -> Active:
        """The same bundle, against the threshold before the last move.

        Raises:
            ModelRefusedError: it was not moved since this bundle was made active.
        """
        judging = self.judging
        if not judging.before:
            raise ModelRefusedError(f"the threshold of {judging.bundle} was not moved; there is nothing to undo")
        return self._judging(
            Judging(bundle=judging.bundle, threshold=judging.before[-1], before=judging.before[:-1]),
        )

    def without(self, bundle: str) -> Active:
        """No way back to `bundle` any more.

        Raises:
            ModelRefusedError: it judges, or a rollback would make it do so.
        """
        if bundle == self.judging.bundle:
            raise ModelRefusedError(f"{bundle} judges; make another active before you delete it")
        if bundle == self.previous_bundle:
            raise ModelRefusedError(f"{bundle} judged before, and is kept for a rollback; it can go after the next one")
        kept: list[Judging] = []
        for judging in self.previous:
            if judging.bundle == bundle:
                continue
            if kept and kept[-1].bundle == judging.bundle:  # only the deleted one came between; the later time counts
                kept.pop()
            kept.append(judging)
        return self.model_copy(update={"previous": tuple(kept)})

    def told(self, change: ChangeDraft) -> Active:
        """With one more change in the list of them."""
        return self.model_copy(update={"changes": (*self.changes, change)[-KEPT_CHANGES:]})

    def untold(self, known: Collection[str]) -> tuple[ChangeDraft, ...]:
        """The changes that are not `known`, by their ids, in order."""
        return tuple(change for change in self.changes if change.id not in known)

    def _judging(self, judging: Judging) -> Active:
        return self.model_copy(update={"judging": judging})


def activated(active: Active | None, bundle: str) -> Active:
    """`bundle` judges, against its own threshold; None where nothing did so far.

    Raises:
        ModelRefusedError: it does already.
    """
    if active is None:
        return Active(judging=Judging(bundle=bundle))
    if active.judging.bundle == bundle:
        raise ModelRefusedError(f"{bundle} is active already")
    previous = (*active.previous, active.judging)[-KEPT_BEFORE:]
    return active.model_copy(update={"judging": Judging(bundle=bundle), "previous": previous})
