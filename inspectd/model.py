"""Loading a model: everything that must hold before a bundle may judge this line's frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from calib.calibration import Calibration
from engines.base import Engine
from engines.bundle import Bundle
from engines.manifest import TileGeometry
from inspectd.cameras.build import effective_drop, trigger_mode
from inspectd.errors import SettingsError, ViewError
from inspectd.pipeline.judging import scale_of
from inspectd.pipeline.model import Model
from inspectd.pipeline.policy import CameraPolicy
from inspectd.pipeline.queues import QueuePolicy
from inspectd.settings import CameraSettings, EngineSettings
from inspectd.view.view import check_view, load_view
from inspectd.web.web import SCALE_UNKNOWN

MakeEngine = Callable[[Bundle, EngineSettings], Engine]


def camera_policies(cameras: Mapping[str, CameraSettings]) -> dict[str, CameraPolicy]:
    """What inspection must know of each camera; the files that its settings name are read.

    Raises:
        ViewError: one cannot be used.
    """
    return {name: _policy(name, camera) for name, camera in cameras.items()}


def load_model(
    bundle: Bundle,
    settings: EngineSettings,
    cameras: Mapping[str, CameraPolicy],
    make_engine: MakeEngine,
    *,
    calibration: Calibration | None = None,
    running: Model | None = None,
) -> Model:
    """Make the engine of a bundle, see it reproduce the golden tiles, and see that the bundle fits the cameras.

    Args:
        bundle: verified already.
        settings: of the engine.
        cameras: those that it is to judge.
        make_engine: gives the engine, not yet active.
        calibration: in place of the bundle's own, with another threshold.
        running: the model whose place it is to take.

    Raises:
        SettingsError: a camera needs something that the bundle does not have.
        ViewError: what a camera looks at does not fit the bundle's tiles.
        EnginesError: the engine cannot run it, or does not reproduce the golden tiles.
    """
    problems = [*_view_problems(cameras, bundle.manifest.tile), *_scale_problems(cameras, bundle, running)]
    if problems:
        raise SettingsError("\n".join(problems))
    engine = make_engine(bundle, settings)
    try:
        engine.activate()
    except BaseException:
        engine.close()
        raise
    return Model.of(engine, bundle, calibration)


def _policy(name: str, camera: CameraSettings) -> CameraPolicy:
    try:
        view = load_view(camera)
    except ViewError as error:
        raise ViewError("\n".join(f"cameras.{name}.{line}" for line in str(error).splitlines())) from error
    mm_per_px = camera.mm_per_px or (view.plane.mm_per_px if view.plane else None)
    queued = QueuePolicy(camera.queue_frames, effective_drop(camera))
    return CameraPolicy(camera.deadline_ms, queued, mm_per_px, trigger_mode(camera), view, camera.web)


def _view_problems(cameras: Mapping[str, CameraPolicy], geometry: TileGeometry) -> Iterator[str]:
    for name, camera in cameras.items():
        try:
            check_view(camera.view, geometry)
        except ViewError as error:
            yield from (f"cameras.{name}.{line}" for line in str(error).splitlines())


def _scale_problems(cameras: Mapping[str, CameraPolicy], bundle: Bundle, running: Model | None) -> Iterator[str]:
    for name, camera in cameras.items():
        if camera.web is None:
            continue
        scale = scale_of(camera, bundle)
        if scale is None:
            yield f"cameras.{name}.{SCALE_UNKNOWN}"
        elif running is not None and scale != scale_of(camera, running.bundle):
            yield (
                f"cameras.{name}.web: the scale would change from {scale_of(camera, running.bundle)} to {scale} mm "
                "per px while the web moves; set mm_per_px of this camera, or restart"
            )
