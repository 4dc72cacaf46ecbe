"""Each bridge against a real client of its protocol: nothing is lost, nothing comes twice, and silence is safe."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inspectd.bridges.memory import Memory
from inspectd.doorkeeper import Guard
from inspectd.errors import BridgeStateError, KeysError, PublishError, SettingsError
from inspectd.keys.store import KeyStore
from tests.bridges.marathon import BRIDGE_KILLS, run
from tests.bridges.plcs import ModbusPlc
from tests.bridges.rig import PROTOCOLS, BridgeProcess, rig
from tests.daemons import free_port, wait_until
from tests.inspectd.publishing import draft, local_settings, publishing


def needs(protocol: str) -> None:
    """Skip what the machine has no broker for."""
    if protocol == "mqtt" and shutil.which("mosquitto") is None:
        pytest.skip("no mosquitto here: tools/setup/debian-packages.sh --tests")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_verdicts_come_once_and_in_order_whatever_is_killed(tmp_path: Path, protocol: str) -> None:
    needs(protocol)
    figures = run(tmp_path, protocol, verdicts=500, rate_hz=100, steady=20)
    assert figures.verdicts == 520
    assert figures.once
    assert figures.in_order
    assert figures.right_outcome
    assert figures.repeats_offered <= len(BRIDGE_KILLS)
    assert figures.unsafe_after_silence_s <= 2.0


def test_a_kill_before_the_note_repeats_a_ticket_and_no_action(tmp_path: Path) -> None:
    """As if it had come between the acknowledgement and the note of it, or a power cut had undone the last notes."""
    with rig(tmp_path, "modbus") as line:
        line.feed.publish(20, 100)
        line.plc.wait_for(line.feed.wait())
        line.bridge.kill()
        with Memory(line.bridge.state) as memory:
            noted = memory.recall()
            assert noted is not None
            assert noted.sequence >= 19
            memory.remember(noted._replace(sequence=17))
        line.bridge.start()
        line.feed.publish(10, 100)
        line.plc.wait_for(line.feed.wait())
        assert [seen.sequence for seen in line.plc.seen] == list(range(1, 31))
        assert line.plc.repeats >= 1


def test_a_plc_that_does_not_acknowledge_stops_the_line_and_loses_nothing(tmp_path: Path) -> None:
    """Far more is published than bridge and socket hold."""
    with rig(tmp_path, "modbus", "--ack-s", "0.5", "--waiting", "8") as line:
        line.plc.acting.clear()
        line.feed.publish(1500, 1000)
        line.plc.wait_ready(False)
        last = line.feed.wait()
        line.plc.acting.set()
        line.plc.wait_for(last)
        line.plc.wait_ready()
        assert [seen.sequence for seen in line.plc.seen] == list(range(1, last + 1))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_bridge_that_is_told_to_stop_leaves_the_line_unsafe(tmp_path: Path, protocol: str) -> None:
    needs(protocol)
    with rig(tmp_path, protocol) as line:
        assert line.bridge.terminate() == 0
        line.plc.wait_ready(False, 5)
        assert "Traceback" not in line.bridge.log.read_text()


def refusal(*arguments: str) -> tuple[int, str]:
    """Exit code and words of a bridge that cannot start."""
    command = [sys.executable, "-m", "inspectd.cli", "bridge", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return ended.returncode, ended.stderr


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    settings, port = local_settings(), free_port()
    for protocol in ("modbus", "opcua"):
        with BridgeProcess(tmp_path, protocol, settings, port) as first:
            _wait_for_listener(port)
            state = str(tmp_path / "other.db")
            code, words = refusal(protocol, "--port", str(port), "--state", state, "--verdicts", settings.verdicts)
            assert code == PublishError.exit_code
            assert f"127.0.0.1:{port} cannot be bound" in words
            assert first.process.poll() is None


def _wait_for_listener(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nobody listens")


def test_options_that_cannot_be_are_told(tmp_path: Path) -> None:
    state = str(tmp_path / "state.db")
    code, words = refusal("modbus", "--state", state, "--only", "pictures")
    assert (code, "--only pictures: must be one of all, frames, parts" in words) == (SettingsError.exit_code, True)
    code, words = refusal("mqtt", "--state", state, "--password-file", str(tmp_path / "none"))
    assert (code, "--password-file" in words) == (SettingsError.exit_code, True)
    code, words = refusal("mqtt", "--state", state, "--topic", "factory/#")
    assert (code, "--topic factory/#: must be the beginning" in words) == (SettingsError.exit_code, True)
    code, words = refusal("modbus", "--state", str(tmp_path / "none" / "state.db"))
    assert (code, "--state must name a file" in words) == (BridgeStateError.exit_code, True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_keys_are_named_in_the_environment_as_for_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setenv("INSPECTD_KEYS", str(tmp_path / "plc.key_secret"))
    code, words = refusal(protocol, "--port", str(free_port()), "--state", str(tmp_path / "state.db"))
    assert (code, f"{tmp_path / 'plc.key_secret'}: cannot be read" in words) == (KeysError.exit_code, True)


def test_a_bridge_shows_its_key_for_verdicts_and_for_what_it_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, file = KeyStore(tmp_path / "keys"), tmp_path / "plc"
    settings, port = local_settings(), free_port()
    keys.make_server()
    keys.make_client("plc", file)
    monkeypatch.setenv("INSPECTD_KEYS", str(file))
    with (
        publishing(tmp_path / "journal.db", settings, Guard(keys.directory)) as publisher,
        ModbusPlc(port) as plc,
        BridgeProcess(tmp_path, "modbus", settings, port) as bridge,
    ):
        plc.wait_ready()
        bridge.kill()
        publisher.submit(draft(1))
        assert publisher.flush(20)
        bridge.start()
        plc.wait_for(1)
        keys.revoke("plc")
        bridge.restart()
        plc.wait_ready(False)
        wait_until(lambda: "the daemon does not let this bridge in" in bridge.log.read_text(), "it says so", 20)
        assert bridge.process.poll() is None
    assert [seen.sequence for seen in plc.seen] == [1]


@pytest.mark.parametrize(("protocol", "package"), [("modbus", "pymodbus"), ("opcua", "asyncua"), ("mqtt", "aiomqtt")])
def test_a_package_that_is_missing_is_told(tmp_path: Path, protocol: str, package: str) -> None:
    arguments = ["inspectd", "bridge", protocol, "--state", str(tmp_path / "state.db")]
    program = f"import sys; sys.modules['{package}'] = None; sys.argv = {arguments}; import inspectd.cli as c; c.main()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == SettingsError.exit_code
    assert f"{package} is not installed; for bridges: pip install 'inspectd[bridges]'" in ended.stderr


def test_a_bridges_environment_does_not_disturb_the_daemon(tmp_path: Path) -> None:
    """Both may have one environment file."""
    configuration = tmp_path / "line.toml"
    configuration.write_text("")
    ended = subprocess.run(
        [sys.executable, "-m", "inspectd.cli", "check", str(configuration)],
        capture_output=True,
        text=True,
        env={**os.environ, "INSPECTD_BRIDGE_PORT": "502"},
        check=False,
    )
    assert "INSPECTD_BRIDGE" not in ended.stderr
