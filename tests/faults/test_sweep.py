from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.sweep.catalogue import FAULTS
from tests.faults.sweep.fault import Fault, Verdict


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if not fault.long], ids=lambda fault: fault.name)
def test_every_promise_is_kept(fault: Fault, tmp_path: Path) -> None:
    report = fault.happen(tmp_path)
    if report.verdict is Verdict.SKIPPED:
        pytest.skip(report.seen)
    assert report.verdict is Verdict.HELD, report.seen
