"""A real publisher that tells verdicts at a steady rate, in a process of its own that can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from inspectd.settings import PublishSettings
from inspectd.wire.drafts import PartDraft
from inspectd.wire.models import Outcome, PartFrame, Reason
from tests.inspectd.publishing import draft, publishing

OUTCOMES = (Outcome.PASS, Outcome.FAIL, Outcome.PASS, Outcome.ERROR)
"""In turn."""


class Feed:
    """Publishes from the moment in which it is told to; killed at the end of the block if it still lives."""

    def __init__(self, journal: Path, settings: PublishSettings) -> None:
        self.journal, self.settings = journal, settings
        self.process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.journal), self.settings.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def publish(self, count: int, rate_hz: float, parts: str = "") -> None:
        """Begin to publish so many verdicts, on frames or, where ids' beginning is given, on parts; return at once."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count} {rate_hz} {parts}\n")
        self.process.stdin.flush()

    def wait(self) -> int:
        """Until what was begun is published; the number of the last one."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.communicate()

    def restart(self) -> None:
        """Kill it, and start another over the same journal."""
        self.kill()
        self.process = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def main(journal: str, settings: str) -> None:
    with publishing(Path(journal), PublishSettings.model_validate_json(settings)) as publisher:
        for line in sys.stdin:
            count, rate_hz, *parts = line.split()
            due = time.monotonic()
            for number in range(1, int(count) + 1):
                now = time.monotonic_ns()
                if parts:
                    publisher.submit(part_draft(f"{parts[0]}{number}", now))
                else:
                    outcome = OUTCOMES[number % len(OUTCOMES)]
                    reason = Reason.DEADLINE if outcome is Outcome.ERROR else None
                    publisher.submit(draft(number, outcome=outcome, reason=reason, decided_monotonic_ns=now))
                due += 1 / float(rate_hz)
                time.sleep(max(0.0, due - time.monotonic()))
            assert publisher.flush(20)
            print(publisher.latest, flush=True)


def part_draft(part: str, now_ns: int) -> PartDraft:
    frames = (PartFrame(camera="web", frame=1, outcome=Outcome.PASS, score=0.5),)
    return PartDraft(
        part=part,
        surface="brick",
        bundle="brick-0123456789abcdef",
        outcome=Outcome.PASS,
        frames=frames,
        triggered_utc_ns=time.time_ns(),
        triggered_monotonic_ns=now_ns,
        decided_utc_ns=time.time_ns(),
        decided_monotonic_ns=now_ns,
        deadline_ms=1000.0,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
