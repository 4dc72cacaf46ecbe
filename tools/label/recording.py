"""What a person says, written down: beside the picture, and in the regression set."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from inspectd.archive import Entry, Label, Opinion
from inspectd.errors import ArchiveError
from inspectd.wire.times import utc_text
from tools.errors import OutputError
from tools.label.regression import RegressionSet


class Recorder:
    """Of one person, who may have the page open twice; any thread."""

    def __init__(self, who: str, regression: RegressionSet) -> None:
        self._who = who
        self._regression = regression
        self._lock = threading.Lock()

    def record(self, entry: Entry, opinion: Opinion | None) -> None:
        """Label the entry, durably; None takes back what was said.

        Raises:
            EntryGoneError: it was removed meanwhile.
            ArchiveError, OutputError: it cannot be written.
        """
        label = (
            None if opinion is None else Label(opinion=opinion, who=self._who, labelled_utc=utc_text(time.time_ns()))
        )
        with self._lock:
            before = _label_of(entry)
            try:
                # The label first: it keeps the daemon from removing the picture that the set is about to copy.
                entry.set_label(label)
                self._regression.take(entry, label)
            except (ArchiveError, OutputError):
                with suppress(ArchiveError):
                    entry.set_label(before)  # nothing was said: label and set are to agree
                raise


def _label_of(entry: Entry) -> Label | None:
    try:
        return entry.label()
    except ArchiveError:  # a damaged one, which is about to be replaced
        return None
