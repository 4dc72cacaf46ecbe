"""What a subscriber finds at the broker, also while bridge or broker are away."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from inspectd.wire.models import PartVerdict, Verdict
from tests.bridges.plcs import MqttMes
from tests.bridges.rig import TOPIC, Rig, rig
from tests.daemons import wait_until

pytestmark = pytest.mark.skipif(
    shutil.which("mosquitto") is None, reason="no mosquitto here: tools/setup/debian-packages.sh --tests"
)


def mes_of(line: Rig) -> MqttMes:
    assert isinstance(line.plc, MqttMes)
    return line.plc


def test_messages_are_the_wires_with_their_series(tmp_path: Path) -> None:
    with rig(tmp_path, "mqtt") as line:
        mes = mes_of(line)
        line.feed.publish(1, 10)
        line.feed.wait()
        line.feed.publish(1, 10, parts="470")
        line.plc.wait_for(line.feed.wait())
        (frame_topic, frame), (part_topic, part) = mes.messages
        assert (frame_topic, part_topic) == (f"{TOPIC}/verdict/web", f"{TOPIC}/part")
        assert Verdict.model_validate(frame).camera == "web"
        assert PartVerdict.model_validate(part).part == "4701"
        assert frame["series"] == part["series"] > 0
        state = mes.states[-1]
        assert state["online"]
        assert (state["ready"], state["state"], state["surface"]) == (True, "inspecting", "brick")
        wait_until(lambda: (mes.states[-1]["passed"], mes.states[-1]["failed"]) == (1, 1), "counts are told", 5)


def test_the_last_will_is_the_safe_state(tmp_path: Path) -> None:
    with rig(tmp_path, "mqtt") as line:
        killed = time.monotonic()
        line.bridge.kill()
        line.plc.wait_ready(False)
        assert time.monotonic() - killed < 2.0
        assert mes_of(line).states[-1] == {"online": False, "ready": False}


def test_verdicts_wait_for_a_broker_that_is_away(tmp_path: Path) -> None:
    with rig(tmp_path, "mqtt") as line:
        assert line.broker is not None
        line.feed.publish(20, 100)
        line.plc.wait_for(line.feed.wait())
        line.broker.stop()
        line.feed.publish(30, 100)
        last = line.feed.wait()
        line.broker.start()
        line.plc.wait_for(last)
        numbers = [message["sequence"] for _, message in mes_of(line).messages]
        assert sorted(set(numbers)) == list(range(1, 51))
        assert len(numbers) <= 51, "at most the one that was under way is told twice"
