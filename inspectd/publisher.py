"""The publisher: numbers verdicts, makes them durable, then sends them and their maps, and says every second how it is.

One thread owns the sockets and the journal. Everything that waits is written in one transaction with one sync, so a
burst costs little more than a single verdict; nothing is sent that is not durable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
import zmq

from inspectd.doorkeeper import Guard
from inspectd.errors import JournalError
from inspectd.frames import Frame
from inspectd.journal import Journal
from inspectd.metrics.meters import Meters
from inspectd.outbox import MAX_DRAFTS, Outbox, Parcel
from inspectd.pipeline.onlookers import Onlooker, Seen
from inspectd.settings import PublishSettings
from inspectd.sockets import bound_socket, end_context
from inspectd.vitals import Pulse
from inspectd.wire.drafts import Draft, MapDraft
from inspectd.wire.maps import FULL_SCALE, encode_map
from inspectd.wire.models import CameraStatus, Change, DaemonState, Heartbeat, MapHeader, Numbered, Outcome, Verdict
from inspectd.wire.times import utc_text
from inspectd.wire.topics import HEARTBEAT, map_topic, topic_of

BEAT_S = 1.0
"""From one heartbeat to the next."""
BATCH = 256
"""Most verdicts in a transaction."""
RETRY_PAUSE_S = 0.2
RETRY_S = 5.0
"""How long a journal that cannot be written is tried again before the fault is fatal."""
LINGER_MS = 1000
"""How long the end waits for the last messages to reach the subscribers that are connected."""
VERDICTS_WATERMARK = 1000
"""Messages kept for a subscriber that reads too slowly; what comes beyond is lost to it until it asks for a replay."""
MAPS_WATERMARK = 32

_Durable = tuple[Numbered, bytes, Parcel]
"""What was said, the message that says it, and what it came in."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DaemonStatus:
    """What the daemon adds to a heartbeat."""

    state: DaemonState
    surface: str
    bundle: str
    threshold: float
    cameras: tuple[CameraStatus, ...]
    open_frames: int
    """Frames taken that have no verdict yet."""


class Publisher:
    """Publishes what it is given, in that order."""

    def __init__(
        self,
        settings: PublishSettings,
        publisher_name: str,
        boot: str,
        journal: Journal,
        status_source: Callable[[], DaemonStatus],
        *,
        on_fatal: Callable[[Exception], None],
        meters: Meters,
        onlookers: Iterable[Onlooker] = (),
        guard: Guard | None = None,
    ) -> None:
        """`journal` is open, and from `start` to `close` this publisher's alone; `status_source` is asked at every
        heartbeat; `on_fatal` is told once when verdicts can no longer be journaled. Both are called by its thread.
        Without a `guard`, whoever reaches the sockets is let in."""
        self._settings = settings
        self._name = publisher_name
        self._boot = boot
        self._journal = journal
        self._status_source = status_source
        self._on_fatal = on_fatal
        self._meters = meters
        self._guard = guard or Guard()
        self._onlookers = list(onlookers)
        self._outbox = Outbox()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._verdicts: zmq.Socket[bytes] | None = None
        self._maps: zmq.Socket[bytes] | None = None
        self.pulse = Pulse("publisher")
        self._thread = threading.Thread(target=self._guarded, name="publisher", daemon=True)
        self._counts = dict.fromkeys(Outcome, 0)
        self._beats = 0
        self._heartbeat: Heartbeat | None = None
        self._next_beat_s = 0.0
        self._latest = 0
        self._journal_failing = False
        self._in_hand: Sequence[Parcel] = ()
        self._fatal = False
        self._lost_lock = threading.Lock()
        self._lost = 0

    def start(self) -> None:
        """Bind the sockets and begin, with a heartbeat.

        Raises:
            PublishError: an address cannot be bound; the message names the setting and the way out.
        """
        self._verdicts = self._bound("publish.verdicts", self._settings.verdicts, VERDICTS_WATERMARK)
        if self._settings.map_encoding != "off":
            self._maps = self._bound("publish.maps", self._settings.maps, MAPS_WATERMARK)
        self._latest = self._journal.next_sequence - 1
        self._thread.start()

    def submit(self, draft: Draft, distance_map: MapDraft | None = None, frame: Frame | None = None) -> None:
        """Hand a verdict over for good; waits while too many are waiting already. Any thread may call it.

        A `frame` is released here once the onlookers have seen it.
        """
        if not self._outbox.put(Parcel(draft, distance_map, frame)):
            self._lose(1)
            if frame is not None:
                frame.release()

    @property
    def wants_pictures(self) -> bool:
        """Whether an onlooker wants to see the frames that are taken now."""
        return any(onlooker.wants_pictures for onlooker in self._onlookers)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything submitted so far is durable and published; False when it takes longer."""
        return self._outbox.wait_done(timeout_s)

    @property
    def latest(self) -> int:
        """The number published last, in this life or before."""
        return self._latest

    @property
    def waiting(self) -> int:
        """Verdicts decided that are not published yet."""
        return len(self._in_hand) + len(self._outbox)

    @property
    def lag_s(self) -> float:
        """Since the oldest of them was decided, s; 0 where there is none."""
        in_hand = self._in_hand
        oldest_ns = in_hand[0].decided_ns if in_hand else self._outbox.oldest_ns
        return 0.0 if oldest_ns is None else (time.monotonic_ns() - oldest_ns) / 1e9

    @property
    def heartbeat(self) -> Heartbeat | None:
        """The last one sent."""
        return self._heartbeat

    def close(self) -> None:
        """Publish what waits, send the last heartbeat, and let everything go. May be called more than once."""
        self._outbox.close()
        if self._thread.is_alive():
            self._thread.join()
        for socket in (self._verdicts, self._maps):
            if socket is not None:
                socket.close(linger=LINGER_MS)
        end_context(self._context)
        if self._lost:
            log.error("verdicts could not be journaled and are lost", verdicts=self._lost)
            self._lost = 0

    def _bound(self, setting: str, address: str, watermark: int) -> zmq.Socket[bytes]:
        return bound_socket(self._context, zmq.PUB, setting, address, {zmq.SNDHWM: watermark}, guard=self._guard)

    # The thread

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception as error:
            log.exception("the publisher failed")
            self._fail(error)
        finally:
            self._outbox.close()
            left = self._outbox.take(MAX_DRAFTS, 0.0)
            self._lose(len(left))
            _let_go(left)

    def _run(self) -> None:
        while not self._outbox.ended:
            self._beat_if_due()
            with self.pulse.resting():
                parcels = self._outbox.take(BATCH, self._next_beat_s - time.monotonic())
            self._in_hand = parcels
            if parcels and self._publish(parcels):
                self._outbox.done(len(parcels))
            self._in_hand = ()
        self._beat(DaemonState.STOPPED)
        self.pulse.end()

    def _publish(self, parcels: Sequence[Parcel]) -> bool:
        shown = 0
        try:
            durable = self._make_durable(parcels)
            if durable is None:
                self._lose(len(parcels))
                return False
            durable_ns = time.monotonic_ns()
            for said, message, parcel in durable:
                self.pulse.beat()
                self._send(said, message, parcel.distance_map)
                self._meters.published(said, durable_ns, time.monotonic_ns())
                self._show(said, parcel)
                shown += 1
                self._beat_if_due()
            return True
        finally:
            _let_go(parcels[shown:])

    def _make_durable(self, parcels: Sequence[Parcel]) -> list[_Durable] | None:
        """Journal the parcels, trying for as long as it takes; None only when the end came and it cannot be done.

        After `RETRY_S` the fault is fatal, but as long as the daemon drains, a disk that heals still loses nothing.
        """
        began = time.monotonic()
        while True:
            self.pulse.beat()
            first, numbered = self._journal.next_sequence, self._numbered(parcels)
            try:
                changes = {said.sequence: said.id for said, _, _ in numbered if isinstance(said, Change)}
                self._journal.append(first, [message for _, message, _ in numbered], changes)
            except JournalError as error:
                self._tell_failing(error)
                if time.monotonic() - began > RETRY_S:
                    self._fail(error)
                if self._fatal and self._outbox.closed:
                    return None
                time.sleep(RETRY_PAUSE_S)
                self._beat_if_due()
            else:
                self._journal_failing = False
                return numbered

    def _numbered(self, parcels: Sequence[Parcel]) -> list[_Durable]:
        """The verdicts as they are now: one that has waited past its deadline has become an ERROR."""
        numbered = []
        for sequence, parcel in enumerate(parcels, start=self._journal.next_sequence):
            draft = parcel.draft.in_time()
            said = draft.numbered(self._name, self._boot, self._journal.journal_id, sequence)
            unchanged = parcel if draft is parcel.draft else replace(parcel, distance_map=None)
            numbered.append((said, said.model_dump_json().encode(), unchanged))
        return numbered

    def _tell_failing(self, error: JournalError) -> None:
        if not self._journal_failing:
            log.error("the journal cannot be written; verdicts are held back", error=str(error))
            self._journal_failing = True
            self._beat()

    def _fail(self, error: Exception) -> None:
        if not self._fatal:
            self._fatal = True
            self._outbox.refuse_when_full()
            self._on_fatal(error)

    def _lose(self, count: int) -> None:
        with self._lost_lock:
            self._lost += count
        self._meters.lost(count)

    # What is sent

    def _send(self, said: Numbered, message: bytes, distance_map: MapDraft | None) -> None:
        assert self._verdicts is not None
        self._verdicts.send_multipart([topic_of(said), message])
        self._latest = said.sequence
        if not isinstance(said, Verdict):
            return
        self._counts[said.outcome] += 1
        if distance_map is not None and self._maps is not None and said.frame is not None:
            self._send_map(self._maps, said, said.frame, distance_map)

    def _show(self, said: Numbered, parcel: Parcel) -> None:
        """Tell the onlookers; one that fails is told no more."""
        frame = parcel.frame
        if isinstance(said, Verdict):
            seen = Seen(said, frame, parcel.distance_map)
            for onlooker in tuple(self._onlookers):
                try:
                    onlooker.saw(seen)
                except Exception:
                    log.exception(
                        "an onlooker failed; it is shown nothing more until a restart", onlooker=repr(onlooker)
                    )
                    self._onlookers.remove(onlooker)
        if frame is not None:
            frame.release()

    def _send_map(self, socket: zmq.Socket[bytes], verdict: Verdict, frame: int, distance_map: MapDraft) -> None:
        assert self._settings.map_encoding != "off"
        rows, columns = distance_map.distance.shape
        header = MapHeader(
            publisher=verdict.publisher,
            boot=verdict.boot,
            journal=verdict.journal,
            sequence=verdict.sequence,
            camera=verdict.camera,
            frame=frame,
            encoding=self._settings.map_encoding,
            rows=rows,
            columns=columns,
            cell=distance_map.cell,
            threshold=verdict.threshold,
            full_scale=FULL_SCALE * verdict.threshold,
        )
        payload = encode_map(distance_map.distance, header.encoding, header.full_scale)
        socket.send_multipart([map_topic(header.camera), header.model_dump_json().encode(), payload])

    def _beat_if_due(self) -> None:
        if time.monotonic() >= self._next_beat_s:
            self._beat()
            if not self._journal_failing:
                self._prune()

    def _beat(self, state: DaemonState | None = None) -> None:
        assert self._verdicts is not None
        self._beats += 1
        status = self._status_source()
        failing = DaemonState.JOURNAL_FAILING if self._journal_failing else None
        beat = Heartbeat(
            publisher=self._name,
            boot=self._boot,
            journal=self._journal.journal_id,
            sequence=self._latest,
            beat=self._beats,
            state=state or failing or status.state,
            surface=status.surface,
            bundle=status.bundle,
            threshold=status.threshold,
            cameras=status.cameras,
            passed=self._counts[Outcome.PASS],
            failed=self._counts[Outcome.FAIL],
            errors=self._counts[Outcome.ERROR],
            open_frames=status.open_frames,
            sent_utc=utc_text(time.time_ns()),
            sent_monotonic_ns=time.monotonic_ns(),
        )
        self._heartbeat = beat
        self._verdicts.send_multipart([HEARTBEAT, beat.model_dump_json().encode()])
        self._next_beat_s = time.monotonic() + BEAT_S

    def _prune(self) -> None:
        try:
            self._journal.prune()
        except JournalError as error:
            log.warning("old verdicts stay in the journal for now", error=str(error))


def _let_go(parcels: Iterable[Parcel]) -> None:
    """Give back the frames of what nobody will be shown."""
    for parcel in parcels:
        if parcel.frame is not None:
            parcel.frame.release()
