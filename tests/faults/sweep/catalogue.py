"""All faults."""

from __future__ import annotations

from typing import Final

from tests.faults.sweep import cameras, clocks, engine, files, journals, processes, resources, subscribers
from tests.faults.sweep.fault import Fault

_SUBJECTS = (cameras, subscribers, journals, clocks, files, engine, resources, processes)
FAULTS: Final[tuple[Fault, ...]] = tuple(fault for subject in _SUBJECTS for fault in subject.FAULTS)
