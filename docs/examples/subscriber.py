"""Print verdicts and open the reject gate for everything that is not PASS. Run it beside a daemon."""

import sys

from inspectd.client import MAPS, REPLAY, VERDICTS, Client, Gap, Map, Outcome, Silence, Verdict


def main(verdicts: str = VERDICTS, replay: str = REPLAY, maps: str = MAPS) -> None:
    """Listen until Ctrl-C; what was missed is asked for at the replay address."""
    with Client(verdicts, replay=replay, maps=maps) as client:
        for event in client:
            match event:
                case Verdict(outcome=Outcome.PASS):
                    print(f"{event.sequence} {event.camera} PASS {event.score:.3g}")
                case Verdict():
                    print(f"{event.sequence} {event.camera} {event.outcome} {event.reason or event.score}: reject")
                case Map():
                    print(f"{event.header.sequence} map, largest distance {event.distance.max():.3g}")
                case Gap():
                    print(f"{event.first} to {event.last} were never seen: reject")
                case Silence():
                    print(f"nothing heard for {event.seconds:.0f} s: stop the line")


if __name__ == "__main__":
    main(*sys.argv[1:])
