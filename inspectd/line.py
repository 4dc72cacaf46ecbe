"""What inspects: the engine, the inspector, the cameras, and whoever may change or ask them while they run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from calib.calibration import Calibration
from engines.bundle import Bundle
from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.control import ControlServer
from inspectd.given import Given
from inspectd.model import MakeEngine, load_model
from inspectd.models.configured import Configured
from inspectd.models.live import Load
from inspectd.models.registry import Registry
from inspectd.models.switch import Switcher
from inspectd.outlets import Outlets
from inspectd.pipeline.inspector import Inspector
from inspectd.pipeline.model import Model
from inspectd.requests import Requests
from inspectd.shadow.shadow import Shadow
from inspectd.vitals import Vitals
from inspectd.wire.models import DaemonState

CLOSE_S = 5.0
"""How long a part may take to end after the drain, before it is left behind."""


@dataclass(frozen=True)
class Line:
    """What runs."""

    inspector: Inspector
    capture: CaptureSupervisor
    switcher: Switcher | None
    """None where the configuration names the bundle."""
    vitals: Vitals


def started_line(
    given: Given,
    outlets: Outlets,
    registry: Registry | None,
    configured: Configured,
    make_engine: MakeEngine,
    *,
    on_ended: Callable[[str], None],
    drain: Callable[[], None],
    parts: ExitStack,
) -> Line:
    """Start it, until `parts` closes it. `on_ended` is told of a camera whose source has ended; `drain` has the daemon
    end.

    Raises:
        EnginesError, InspectdError: the model cannot judge here.
        PublishError: the address of the control socket cannot be bound.
    """

    def load(bundle: Bundle, calibration: Calibration, running: Model | None = None) -> Model:
        engine = given.settings.engine
        return load_model(bundle, engine, given.cameras, make_engine, calibration=calibration, running=running)

    settings, account, publisher = given.settings, given.account, outlets.publisher
    inspector = _inspector(given, outlets, load(configured.bundle, configured.calibration), on_ended)
    parts.callback(_close_engine, inspector)
    capture = CaptureSupervisor(settings.cameras, inspector)
    parts.callback(capture.close, CLOSE_S)
    account.inspector, account.capture = inspector, capture
    switcher = None
    if registry is not None and outlets.shadow is not None:
        switcher = parts.enter_context(_switcher(given, registry, outlets.shadow, inspector, load))
    requests = Requests(
        settings,
        inspector,
        capture,
        switcher,
        outlets.journal,
        state=lambda: account.state,
        heartbeat=lambda: publisher.heartbeat,
        drain=drain,
    )
    control = parts.enter_context(ControlServer(settings.control.address, requests.answer, given.guard))
    account.vitals = vitals = Vitals([capture.pulse, *inspector.pulses, publisher.pulse, control.pulse])
    if outlets.shadow is not None:
        outlets.shadow.resume()  # before anybody may ask for another candidate
    # Last, when nothing can fail any more: who would give a verdict on the frames that came before it did?
    inspector.start()
    account.state = DaemonState.INSPECTING
    capture.start()
    return Line(inspector, capture, switcher, vitals)


def _inspector(given: Given, outlets: Outlets, model: Model, on_ended: Callable[[str], None]) -> Inspector:
    settings = given.settings
    return Inspector(
        model,
        given.cameras,
        report=outlets.publisher.submit,
        on_fatal=given.on_fatal,
        on_ended=on_ended,
        engine_timeout_s=settings.engine.timeout_s,
        max_regions=settings.publish.max_regions,
        max_open_parts=settings.control.max_open_parts,
        meters=given.meters,
        wants_pictures=lambda: outlets.publisher.wants_pictures,
    )


def _close_engine(inspector: Inspector) -> None:
    inspector.model.engine.close()  # the last one's


def _switcher(given: Given, registry: Registry, shadow: Shadow, inspector: Inspector, load: Load) -> Switcher:
    return Switcher(
        registry,
        given.settings.model,
        running=lambda: inspector.model,
        load=load,
        adopt=inspector.adopt,
        on_fatal=given.on_fatal,
        shadow=shadow,
    )
