"""The client library: verdicts in order, and the truth about what is missing.

with Client(replay=REPLAY) as client:
    for event in client:
        match event:
            case Verdict(): ...
            case Gap(first=first, last=last): ...
"""

from inspectd.client.client import Client
from inspectd.client.events import Event, Gap, JournalReplaced, Map, Restart, Silence
from inspectd.client.replayer import Replayer, replay
from inspectd.wire.addresses import MAPS, REPLAY, VERDICTS
from inspectd.wire.models import Heartbeat, Outcome, Reason, Region, Verdict

__all__ = [
    "MAPS",
    "REPLAY",
    "VERDICTS",
    "Client",
    "Event",
    "Gap",
    "Heartbeat",
    "JournalReplaced",
    "Map",
    "Outcome",
    "Reason",
    "Region",
    "Replayer",
    "Restart",
    "Silence",
    "Verdict",
    "replay",
]
