"""What befalls the daemon's own process, and what stands in its way."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from inspectd.errors import PublishError
from tests.daemons import RunningDaemon
from tests.faults.sweep.fault import Seen, fault
from tests.faults.sweep.line import Line, fired, steady
from tests.faults.sweep.triggers import triggers

KILLS = 3
STOPPED_S = 3.0


@fault("daemon killed under load", f"SIGKILL, {KILLS} times, three cameras as fast as they go", long=True)
def killed(folder: Path) -> Seen:
    line = Line(folder, lambda source: {name: steady(source, rate_hz=2000.0) for name in ("web", "left", "right")})
    returns: list[float] = []
    with line.listening():
        since_ns = 0
        for life in range(KILLS + 1):
            with line.daemon() as daemon:
                back_s = line.wait_for_judged(since_ns=since_ns)
                if life:
                    returns.append(back_s)
                time.sleep(0.3)
                if life == KILLS:
                    assert daemon.terminate() == 0
                daemon.process.kill()
            since_ns = time.monotonic_ns()
    boots = {verdict["boot"] for verdict in line.heard}
    assert len(boots) == KILLS + 1
    return Seen(f"{len(line.heard)} verdicts over {len(boots)} lives; {line.told()}", max(returns))


@fault("daemon stopped", f"SIGSTOP, {STOPPED_S:g} s later SIGCONT; a frame's deadline is 500 ms")
def stopped(folder: Path) -> Seen:
    line = Line(
        folder,
        lambda source: {"web": steady(source, deadline_ms=500, drop="oldest"), "fired": fired(source)},
    )
    with line.running() as daemon, triggers(line, "fired") as accepted:
        daemon.process.send_signal(signal.SIGSTOP)
        stopped_ns = time.monotonic_ns()
        time.sleep(STOPPED_S)
        daemon.process.send_signal(signal.SIGCONT)
        continued_ns = time.monotonic_ns()
        recovery_s = line.wait_for_judged(since_ns=continued_ns)
        time.sleep(0.3)
    stale = [
        verdict
        for verdict in line.of("web")
        if stopped_ns < verdict["captured_monotonic_ns"] < continued_ns - 500_000_000
    ]
    assert stale, "no frame was taken in the meantime"
    assert {verdict["outcome"] for verdict in stale} == {"ERROR"}
    assert set(line.reasons()) <= {"deadline", "overrun"}
    return Seen(f"{len(stale)} frames taken meanwhile, all ERROR; {len(accepted)} parts; {line.told()}", recovery_s)


@fault("typo at reload", "a misspelt key, SIGHUP; then put right, SIGHUP")
def typo(folder: Path) -> Seen:
    line = Line(folder)
    with line.running() as daemon:
        right = line.configuration.path.read_text()
        line.configuration.path.write_text(right.replace("[cameras.web]", "[cameras.web]\nlop = true"))
        _reload(line, daemon, "the new configuration is refused")
        line.wait_for_judged(since_ns=time.monotonic_ns())
        line.configuration.path.write_text(f"drain_s = 5\n{right}")
        _reload(line, daemon, "configuration reloaded")
        recovery_s = line.wait_for_judged(since_ns=time.monotonic_ns())
    assert "cameras.web.lop: no such setting" in line.log
    assert not line.reasons()
    return Seen(f"refused, the key named; the line goes on: {line.told()}", recovery_s)


def _reload(line: Line, daemon: RunningDaemon, told: str) -> None:
    daemon.process.send_signal(signal.SIGHUP)
    line.wait_for(lambda: told in line.log, f"the log says '{told}'")


@fault("port taken", "another line has the address of publish.verdicts", long=True)
def port_taken(folder: Path) -> Seen:
    first = Line(folder)
    (folder / "second").mkdir()
    address = first.configuration.verdicts
    second = Line(folder / "second", bundle=first.bundle, publish__verdicts=address)
    with first.running():
        with second.daemon() as daemon:
            code = daemon.wait()
        first.wait_for_judged(since_ns=time.monotonic_ns())
    assert code == PublishError.exit_code
    assert address in second.log
    assert "Traceback" not in second.log
    assert not first.reasons()
    return Seen(f"the second: exit code {code}, names the address; the first: {first.told()}")


FAULTS = (killed, stopped, typo, port_taken)
