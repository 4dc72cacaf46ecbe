"""The client library: verdicts in order, and the truth about what is missing.

with Client(replay=REPLAY) as client:
    for event in client:
        match event:
            case Verdict(): ...
            case PartVerdict(): ...
            case Change(): ...
            case Gap(first=first, last=last): ...
"""

from inspectd.client.client import Client
from inspectd.client.controller import Controller
from inspectd.client.events import Event, Gap, JournalReplaced, Map, Picture, Repaired, Repairing, Restart, Silence
from inspectd.client.replayer import Replayer, replay
from inspectd.wire.addresses import CONTROL, MAPS, PICTURES, REPLAY, VERDICTS
from inspectd.wire.models import Change, ChangeAction, Heartbeat, Outcome, PartVerdict, Reason, Region, Verdict

__all__ = [
    "CONTROL",
    "MAPS",
    "PICTURES",
    "REPLAY",
    "VERDICTS",
    "Change",
    "ChangeAction",
    "Client",
    "Controller",
    "Event",
    "Gap",
    "Heartbeat",
    "JournalReplaced",
    "Map",
    "Outcome",
    "PartVerdict",
    "Picture",
    "Reason",
    "Region",
    "Repaired",
    "Repairing",
    "Replayer",
    "Restart",
    "Silence",
    "Verdict",
    "replay",
]
