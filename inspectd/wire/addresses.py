"""Where the daemon speaks unless its settings say otherwise: this machine alone."""

from __future__ import annotations

from typing import Final

VERDICTS: Final = "tcp://127.0.0.1:5590"
MAPS: Final = "tcp://127.0.0.1:5591"
REPLAY: Final = "tcp://127.0.0.1:5592"
CONTROL: Final = "tcp://127.0.0.1:5593"
PICTURES: Final = "tcp://127.0.0.1:5594"
METRICS: Final = "127.0.0.1:9590"
