"""Small pictures for whoever looks, and no cost where nobody does."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.client import Client, Picture
from inspectd.frames import Frame, Loan
from inspectd.pipeline.onlookers import Seen
from inspectd.previews.budget import CAPACITY, Budget
from inspectd.previews.pace import LEAST_HZ, SHARE, Pace
from inspectd.previews.previews import Previews
from inspectd.previews.shrinking import shrink
from inspectd.settings import PublishSettings
from inspectd.wire.models import Outcome, Verdict
from tests.daemons import free_port, wait_until
from tests.inspectd.publishing import draft, heard_until


class Lent:
    """Frames whose buffers are seen to go back."""

    def __init__(self) -> None:
        self.out = 0
        self.back = 0

    def frame(self, pixels: NDArray[np.uint8], camera: str = "web") -> Frame:
        self.out += 1
        return Frame(camera, self.out, pixels, PixelFormat.MONO8, 0, 0, None, Loan(self._give_back))

    def _give_back(self) -> None:
        self.back += 1


def verdict(sequence: int, outcome: Outcome = Outcome.PASS, camera: str = "web") -> Verdict:
    return draft(sequence, camera=camera, outcome=outcome).numbered("line-3", "boot", "journal", sequence)


def show(previews: Previews, lent: Lent, outcome: Outcome = Outcome.PASS, camera: str = "web") -> None:
    frame = lent.frame(np.full((480, 1280), 90, np.uint8), camera)
    previews.saw(Seen(verdict(frame.number, outcome, camera), frame, None))
    frame.release()


@pytest.fixture
def settings() -> PublishSettings:
    return PublishSettings(pictures=f"tcp://127.0.0.1:{free_port()}", picture_side=640, pictures_hz=2.0)


@pytest.fixture
def previews(settings: PublishSettings) -> Iterator[Previews]:
    with Previews(settings) as running:
        yield running


@pytest.fixture
def client(settings: PublishSettings) -> Iterator[Client]:
    with Client(f"tcp://127.0.0.1:{free_port()}", pictures=settings.pictures) as listening:
        yield listening


def test_where_nobody_subscribes_nothing_is_kept(previews: Previews) -> None:
    lent = Lent()
    show(previews, lent, Outcome.FAIL)
    assert not previews.wants_pictures
    assert lent.back == lent.out == 1


def test_a_subscriber_gets_a_small_picture_and_the_buffer_goes_back(previews: Previews, client: Client) -> None:
    lent = Lent()
    wait_until(lambda: previews.wants_pictures, "the subscription")
    show(previews, lent, Outcome.FAIL)
    picture = heard_until(client, lambda event: isinstance(event, Picture))[-1]
    wait_until(lambda: lent.back == 1, "the buffer")
    assert picture.header.sequence == picture.header.frame == 1
    assert picture.header.outcome is Outcome.FAIL
    assert (picture.header.frame_width, picture.header.frame_height) == (1280, 480)
    assert (picture.header.width, picture.header.height) == (640, 240)
    decoded = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    assert decoded.shape == (240, 640)
    assert abs(int(decoded.mean()) - 90) <= 2


def test_when_the_subscriber_leaves_nothing_is_kept_any_more(previews: Previews, client: Client) -> None:
    wait_until(lambda: previews.wants_pictures, "the subscription")
    client.close()
    wait_until(lambda: not previews.wants_pictures, "the end of the subscription")


def test_many_frames_at_once_show_few_and_all_buffers_go_back(previews: Previews, client: Client) -> None:
    lent = Lent()
    wait_until(lambda: previews.wants_pictures, "the subscription")
    for _ in range(50):
        show(previews, lent, Outcome.FAIL)
        show(previews, lent, Outcome.FAIL, camera="edge")
    wait_until(lambda: lent.back == lent.out, "all buffers")
    heard = []
    while (event := client.receive(0.5)) is not None:
        heard.append(event)
    shown = [event.header.camera for event in heard if isinstance(event, Picture)]
    assert 1 <= shown.count("web") <= 3
    assert 1 <= shown.count("edge") <= 3


def test_at_the_end_every_buffer_goes_back(settings: PublishSettings) -> None:
    lent = Lent()
    with Previews(settings) as previews, Client(f"tcp://127.0.0.1:{free_port()}", pictures=settings.pictures):
        wait_until(lambda: previews.wants_pictures, "the subscription")
        for index in range(20):
            show(previews, lent, Outcome.FAIL, camera=f"camera-{index}")
    show(previews, lent, Outcome.FAIL, camera="late")
    assert lent.back == lent.out == 21


def test_nothing_is_left_open(settings: PublishSettings) -> None:
    def use() -> None:
        with Previews(settings):
            time.sleep(0.05)

    use()
    gc.collect()
    before = psutil.Process().num_fds(), threading.active_count()
    for _ in range(3):
        use()
    gc.collect()
    wait_until(lambda: (psutil.Process().num_fds(), threading.active_count()) == before, "everything closed")


# Which frames


def test_good_frames_come_at_the_rate_and_no_faster() -> None:
    budget = Budget()
    shown = [now for now in np.arange(100.0, 110.0, 0.05) if budget.take(now, 2.0, passed=True)]
    assert 18 <= len(shown) <= 21


def test_a_defect_is_shown_right_after_a_good_frame() -> None:
    budget = Budget()
    assert budget.take(100.0, 2.0, passed=True)
    assert not budget.take(100.1, 2.0, passed=True)
    assert budget.take(100.1, 2.0, passed=False)
    assert not budget.take(100.2, 2.0, passed=False)


def test_defects_alone_come_no_faster_either() -> None:
    budget = Budget()
    shown = [now for now in np.arange(100.0, 110.0, 0.05) if budget.take(now, 2.0, passed=False)]
    assert 18 <= len(shown) <= 22


# How many


def test_as_many_as_wanted_where_there_is_time() -> None:
    pace = Pace(2.0)
    assert pace.rate_hz(4) == 2.0  # none was made yet
    pace.took(0.0004)
    assert pace.rate_hz(4) == 2.0


@pytest.mark.parametrize("cameras", [1, 4, 6])
def test_what_pictures_take_of_the_processor_is_bounded(cameras: int) -> None:
    pace = Pace(50.0)
    for _ in range(100):
        pace.took(0.0015)
    assert pace.rate_hz(cameras) * cameras * 0.0015 == pytest.approx(SHARE)


def test_few_are_shown_whatever_they_take_but_no_more_than_wanted() -> None:
    for wanted, given in ((2.0, LEAST_HZ), (0.1, 0.1)):
        pace = Pace(wanted)
        pace.took(0.2)
        assert pace.rate_hz(8) == given


def test_one_that_took_long_is_soon_forgotten() -> None:
    pace = Pace(2.0)
    pace.took(0.1)
    for _ in range(30):
        pace.took(0.0005)
    assert pace.rate_hz(1) == 2.0


def test_large_pictures_come_less_often(client: Client, settings: PublishSettings) -> None:
    lent, shown = Lent(), 0
    pixels = np.random.default_rng(0).integers(0, 255, (2048, 2448), np.uint8)
    dear = settings.model_copy(update={"pictures_hz": 50.0, "picture_side": 2048})
    with Previews(dear) as previews:
        wait_until(lambda: previews.wants_pictures, "the subscription")
        began_s = time.monotonic()
        for _ in range(40):
            frame = lent.frame(pixels)
            previews.saw(Seen(verdict(frame.number), frame, None))
            frame.release()
            time.sleep(0.05)
        while (event := client.receive(0.5)) is not None:
            shown += isinstance(event, Picture)
    assert 1 <= shown <= CAPACITY + LEAST_HZ * (time.monotonic() - began_s)


# How small


@pytest.mark.parametrize(
    ("height", "width", "small"),
    [
        (100, 200, (200, 100)),
        (2048, 2448, (640, 535)),
        (1281, 641, (320, 640)),
        (5000, 3, (1, 640)),
        (640, 9, (9, 640)),
    ],
)
def test_the_longest_side_is_kept_to(height: int, width: int, small: tuple[int, int]) -> None:
    made = shrink(np.zeros((height, width), np.uint8), PixelFormat.MONO8, 640)
    assert (made.width, made.height) == small


@pytest.mark.parametrize(("pixel_format", "first"), [(PixelFormat.RGB8, 0), (PixelFormat.BGR8, 2)])
def test_red_stays_red(pixel_format: PixelFormat, first: int) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[..., first] = 200
    decoded = cv2.imdecode(np.frombuffer(shrink(pixels, pixel_format, 32).jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    blue, _, red = decoded.reshape(-1, 3).mean(axis=0)
    assert red > 190
    assert blue < 20
