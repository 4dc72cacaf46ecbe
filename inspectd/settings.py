"""The configuration: one TOML file, overridden by `INSPECTD_…` environment variables. Unknown keys are refused.

docs/settings.md is generated from the docstrings below.
"""

from __future__ import annotations

import os
import socket
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentSettingsError

from engines.builds import Runtime
from engines.cuda.opening import CudaPackage
from inspectd.errors import SettingsError
from inspectd.wire import addresses

CAMERA_KINDS = frozenset({"images", "opencv", "aravis", "gst", "rtsp", "v4l2", "pattern"})
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
ENVIRONMENT_PREFIX = "INSPECTD_"

Positive = Annotated[float, Field(gt=0, le=86_400_000, allow_inf_nan=False)]
Point = Annotated[tuple[Annotated[int, Field(ge=0, le=65_535)], ...], Field(min_length=2, max_length=2)]
Polygon = Annotated[tuple[Point, ...], Field(min_length=3, max_length=128)]


class DropPolicy(StrEnum):
    """What gives way when frames come faster than they can be inspected."""

    OLDEST = "oldest"
    """The frame that has waited longest is given up, as ERROR `overrun`; the newest is inspected."""
    NEWEST = "newest"
    """The frame that just came is given up, as ERROR `overrun`."""
    BLOCK = "block"
    """The camera waits. Right for files, which do not run away."""


class TriggerMode(StrEnum):
    """What makes a camera take a frame."""

    OFF = "off"
    """It runs freely; a trigger given to the daemon claims its next frame."""
    HARDWARE = "hardware"
    """A signal on the camera's own line, given after the trigger's answer has come."""
    SOFTWARE = "software"
    """A trigger given to the daemon."""


class Direction(StrEnum):
    """Which way a web moves in the picture."""

    UP = "up"
    """Towards its upper border: new web comes in at the lower one."""
    DOWN = "down"
    """Towards its lower border."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class WebSettings(_Section):
    """A web that moves under the camera without end; see [web.md](web.md)."""

    direction: Direction
    """Which way the web moves in the picture: `up`, towards its upper border, as under every line-scan camera, or
    `down`."""
    speed_mm_s: Positive | None = None
    """Speed of a web that never changes it, mm/s."""
    mm_per_count: Positive | None = Field(default=None, validate_default=True)
    """In place of `speed_mm_s`: web for each count of an encoder, mm. The counts come to `control.address`."""
    stale_s: Positive = 1.0
    """After so long without a count the position is no longer known. Send the count more often, also while the web
    stands still."""
    across_mm: float = Field(default=0.0, ge=-1_000_000, le=1_000_000)
    """Where the picture's left border lies across the web, mm."""

    @field_validator("mm_per_count")
    @classmethod
    def _speed_or_encoder(cls, mm_per_count: float | None, info: ValidationInfo) -> float | None:
        if (mm_per_count is None) == (info.data.get("speed_mm_s") is None):
            raise ValueError("the web's position comes from one of speed_mm_s and mm_per_count; set one")
        return mm_per_count


class LineScanSettings(_Section):
    """A line-scan camera, whose rows are put together into frames; see [web.md](web.md)."""

    rows: int = Field(ge=16, le=65_535)
    """Rows of a frame, px. It is complete with its last row: `deadline_ms` counts from its first, and `stall_s` must be
    longer than it takes."""
    overlap: int = Field(default=0, ge=0, le=65_535)
    """Of these, rows that repeat the end of the frame before, so that a defect at the seam is seen whole, px."""

    @field_validator("overlap")
    @classmethod
    def _moves_on(cls, overlap: int, info: ValidationInfo) -> int:
        rows = info.data.get("rows", 0)
        if 2 * overlap > rows:
            raise ValueError(f"must be at most half of rows = {rows}")
        return overlap


class _CameraBase(_Section):
    deadline_ms: Positive = 1000.0
    """A frame's verdict is there this long after it was taken; if it cannot be, it is ERROR `deadline`."""
    queue_frames: int = Field(default=4, ge=1, le=256)
    """Frames that may wait for the engine before the drop policy acts."""
    max_frame_mb: int = Field(default=64, ge=1, le=1024)
    """Largest frame taken, MiB of raw pixels. Memory is used only as far as frames fill it."""
    stall_s: Positive = 5.0
    """A camera that should deliver but has not for this long is stalled: its process is replaced."""
    backoff_max_s: Positive = 3.0
    """Longest pause between two tries to bring a lost camera back; tries begin at 0.5 s and double, with jitter. So it is
    also about the longest time for which a camera that has returned is not noticed."""
    mm_per_px: Positive | None = None
    """Scale of this camera; regions are then given in mm as well. Default: the bundle's."""
    scale: Path | None = None
    """In place of `mm_per_px`: a file that `inspectd calibrate` has written, for a camera that looks at the surface
    aslant or through a lens that distorts."""
    roi: tuple[Polygon, ...] = Field(default=(), max_length=16)
    """What is inspected: polygons, each a list of corners `[x, y]`, px; what lies in none is not. Default: all."""
    mask: Path | None = None
    """What is inspected: a picture of the frame's size, white where it is and black where not. With `roi`, what both
    have."""
    flat_field: Path | None = None
    """A file that `inspectd flat-field` has written: uneven light and dead pixels are corrected as frames are taken."""
    blank: bool = True
    """Whether a picture that is wholly black or saturated is ERROR `blank` rather than inspected."""
    frozen: bool | None = None
    """Whether a picture that equals the one before to the last bit is ERROR `frozen`; a camera that shows nothing else
    for `stall_s` is taken for lost. Default: true for cameras whose pictures come raw from a sensor (`aravis`, `v4l2`
    and devices of `opencv`, unless they send JPEG), false for files, streams and pipelines."""

    web: WebSettings | None = None
    """Table `[cameras.NAME.web]`: the surface is a web that moves under the camera without end."""
    line_scan: LineScanSettings | None = None
    """Table `[cameras.NAME.line_scan]`: the camera delivers rows, which are put together into frames."""

    @field_validator("web")
    @classmethod
    def _one_scale_all_over(cls, web: WebSettings | None, info: ValidationInfo) -> WebSettings | None:
        if web is not None and info.data.get("scale") is not None:
            raise ValueError("a web needs one scale all over the picture; set mm_per_px in place of scale")
        return web

    @field_validator("line_scan")
    @classmethod
    def _rows_follow_the_web(cls, line_scan: LineScanSettings | None, info: ValidationInfo) -> LineScanSettings | None:
        web = info.data.get("web")
        if line_scan is not None and web is not None and web.direction is not Direction.UP:
            raise ValueError("its rows are put below one another as they come; set web.direction = 'up'")
        return line_scan

    @field_validator("trigger", check_fields=False)
    @classmethod
    def _rows_come_without_end(cls, trigger: TriggerMode, info: ValidationInfo) -> TriggerMode:
        if trigger is TriggerMode.SOFTWARE and info.data.get("line_scan") is not None:
            raise ValueError("the rows of a line-scan camera come without end; leave trigger or line_scan out")
        return trigger

    @field_validator("scale")
    @classmethod
    def _one_scale(cls, scale: Path | None, info: ValidationInfo) -> Path | None:
        if scale is not None and info.data.get("mm_per_px") is not None:
            raise ValueError("mm_per_px gives a scale as well; leave one of both out")
        return scale


class ImagesCamera(_CameraBase):
    """Picture files as a camera: a folder, a file or a glob pattern, in order of their names."""

    deadline_ms: Positive = 10_000.0
    """As for other cameras; longer, since files wait for the engine rather than run away from it."""

    source: str = Field(pattern=r"^images:.+")
    """`images:` and a folder, a file or a glob pattern."""
    drop: DropPolicy = DropPolicy.BLOCK
    """`oldest`, `newest` or `block`: what gives way when frames come too fast."""
    rate_hz: float = Field(default=0.0, ge=0)
    """Frames a second; 0 takes them as fast as they are inspected."""
    loop: bool = False
    """Begin again after the last picture."""
    preload: bool = False
    """Decode every picture once and keep it in memory, for measuring the daemon rather than the disk."""
    trigger: Literal[TriggerMode.OFF, TriggerMode.SOFTWARE] = TriggerMode.OFF
    """`software`: the next picture is taken when a trigger asks for it. Default: `off`, one after the other."""


class OpencvCamera(_CameraBase):
    """A camera, video file or network stream through OpenCV (V4L2 and FFmpeg)."""

    source: str = Field(pattern=r"^opencv:.+")
    """`opencv:` and a device (`/dev/video0` or its number), a video file or a URL."""
    drop: DropPolicy | None = None
    """`oldest`, `newest` or `block`. Default: `block` for a video file, `oldest` for everything live."""
    width: int | None = Field(default=None, ge=16)
    """Frame width asked of a device, px."""
    height: int | None = Field(default=None, ge=16)
    """Frame height asked of a device, px."""
    rate_hz: Positive | None = None
    """Frame rate asked of a device."""
    loop: bool = False
    """Begin a video file again after its end."""


Feature = bool | int | Annotated[float, Field(allow_inf_nan=False)] | str
"""A GenICam feature's value: its type must be the camera's own for it."""


class AravisCamera(_CameraBase):
    """A GigE Vision or USB3 Vision camera (GenICam) through Aravis."""

    source: str = Field(pattern=r"^aravis:")
    """`aravis:` and a serial number or an IP address, as `inspectd cameras` lists them; with nothing after the colon,
    the only such camera there is."""
    drop: DropPolicy = DropPolicy.OLDEST
    """`oldest`, `newest` or `block`: what gives way when frames come too fast."""
    trigger: TriggerMode = TriggerMode.OFF
    """What takes a frame: `off`, the camera itself; `hardware`, a signal on `trigger_line`; `software`, a command."""
    trigger_line: str = Field(default="Line1", pattern=r"^[A-Za-z0-9_]+$")
    """Input of the hardware trigger, by the camera's own name for it."""
    trigger_edge: Literal["rising", "falling"] = "rising"
    """Edge of the hardware trigger's signal that takes a frame."""
    rate_hz: Positive | None = None
    """Frame rate while the camera runs freely. Default: as the camera is set."""
    exposure_us: Positive | None = None
    """Exposure time, µs; automatic exposure is then switched off. Default: as the camera is set."""
    gain: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Gain in the camera's unit, dB for most; automatic gain is then switched off. Default: as the camera is set."""
    pixel_format: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]+$")
    """Mono8, Mono10, Mono12 (packed or not), BayerRG8 and its like, RGB8 or BGR8, by the camera's own name for it.
    Default: as the camera is set. More than 8 bits are cut to the upper 8."""
    width: int | None = Field(default=None, ge=16)
    """Width of the part of the sensor that is read, px. Default: as the camera is set."""
    height: int | None = Field(default=None, ge=16)
    """Height of the part of the sensor that is read, px. Default: as the camera is set."""
    offset_x: int = Field(default=0, ge=0)
    """First column of the sensor that is read, px; goes with `width`."""
    offset_y: int = Field(default=0, ge=0)
    """First row of the sensor that is read, px; goes with `height`."""
    packet_size: int | None = Field(default=None, ge=576, le=16000)
    """GigE Vision: bytes a packet. Default: the largest that gets through, found out by trying."""
    packet_delay_us: float | None = Field(default=None, ge=0, le=1_000_000)
    """GigE Vision: pause between two packets, µs, so that several cameras can share a link. Default: as the camera is
    set."""
    settle_frames: int = Field(default=3, ge=0, le=1000)
    """Frames that a free-running camera is left to settle after each start; they come before it counts as running and
    are not inspected."""
    features: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Feature] = {}
    """Any other GenICam features by name, set in this order before the settings above but `pixel_format`; a command is
    run by `true`. (In the environment as JSON: names are in capitals and small letters.)"""

    @field_validator("offset_x", "offset_y")
    @classmethod
    def _offset_goes_with_a_size(cls, offset: int, info: ValidationInfo) -> int:
        size = "width" if info.field_name == "offset_x" else "height"
        if offset and info.data.get(size) is None:
            raise ValueError(f"only a part of the sensor has an offset; set {size} as well")
        return offset

    @field_validator("rate_hz")
    @classmethod
    def _rate_is_for_a_free_running_camera(cls, rate_hz: float | None, info: ValidationInfo) -> float | None:
        if rate_hz is not None and info.data.get("trigger") is not TriggerMode.OFF:
            raise ValueError("the trigger sets the pace of this camera; leave rate_hz out, or set trigger = 'off'")
        return rate_hz


class _GstCameraBase(_CameraBase):
    drop: DropPolicy | None = None
    """`oldest`, `newest` or `block`. Default: `oldest` for what is live, `block` otherwise."""


class GstCamera(_GstCameraBase):
    """Any GStreamer pipeline; see [cameras.md](cameras.md)."""

    source: str = Field(pattern=r"(?s)^gst:.*\S")
    """`gst:` and a pipeline as gst-launch-1.0 takes it, without its sink."""
    live: bool = True
    """False for files and other sources that end: nothing is lost, and the end of the pipeline is no fault."""
    jpeg: bool = False
    """The pipeline delivers JPEG pictures, which are checked and decoded here."""


class RtspCamera(_GstCameraBase):
    """A network camera through GStreamer: H.264 or H.265 over RTSP; see [cameras.md](cameras.md)."""

    source: str = Field(pattern=r"^rtsps?://.+")
    """The stream's URL, with user and password where the camera wants them."""
    transport: Literal["tcp", "udp"] = "tcp"
    """`tcp` loses no packet; `udp` waits for none."""
    latency_ms: int = Field(default=100, ge=0, le=60_000)
    """Time for packets that come out of order, ms."""
    decoder: Literal["auto", "software"] = "auto"
    """`auto`: the graphics card's or the Jetson's decoder where there is one."""


class V4l2Camera(_GstCameraBase):
    """A USB or built-in camera through GStreamer (Video4Linux); see [cameras.md](cameras.md)."""

    source: str = Field(pattern=r"^v4l2:/dev/.+")
    """`v4l2:` and a device, as `/dev/video0`."""
    width: int | None = Field(default=None, ge=16)
    """Frame width, px. A device that cannot deliver it is not opened."""
    height: int | None = Field(default=None, ge=16)
    """Frame height, px."""
    rate_hz: Positive | None = None
    """Frame rate."""
    jpeg: bool = False
    """Have the camera send JPEG pictures, as most USB cameras must at full size; they are checked and decoded here."""


class PatternCamera(_GstCameraBase):
    """A test picture that moves, through GStreamer; see [cameras.md](cameras.md)."""

    source: str = Field(pattern=r"^pattern:[a-z0-9-]+$")
    """`pattern:` and the name of one of videotestsrc's patterns, as `ball` or `smpte`."""
    width: int = Field(default=1280, ge=16, le=16384)
    """Frame width, px."""
    height: int = Field(default=720, ge=16, le=16384)
    """Frame height, px."""
    rate_hz: Positive = 25.0
    """Frames a second."""
    mono: bool = False
    """Grey pictures rather than colour."""


def camera_kind(value: object) -> str | None:
    """The kind of a camera: the part of its source before the first colon."""
    source = value.get("source") if isinstance(value, dict) else getattr(value, "source", None)
    kind = source.partition(":")[0] if isinstance(source, str) and ":" in source else None
    return "rtsp" if kind == "rtsps" else kind


CameraSettings = Annotated[
    Annotated[ImagesCamera, Tag("images")]
    | Annotated[OpencvCamera, Tag("opencv")]
    | Annotated[AravisCamera, Tag("aravis")]
    | Annotated[GstCamera, Tag("gst")]
    | Annotated[RtspCamera, Tag("rtsp")]
    | Annotated[V4l2Camera, Tag("v4l2")]
    | Annotated[PatternCamera, Tag("pattern")],
    Discriminator(
        camera_kind,
        custom_error_type="camera_source",
        custom_error_message=(
            "source must begin with the kind of camera: 'images:', 'opencv:', 'aravis:', 'gst:', 'rtsp:', 'v4l2:' or "
            "'pattern:', as in 'images:/data/web/*.png', 'opencv:/dev/video0' or 'aravis:192.168.10.3'; "
            "'inspectd cameras' lists what is connected"
        ),
    ),
]


class ModelSettings(_Section):
    """What judges."""

    bundle: Path
    """Directory of the bundle, as `inspectd-train fit` printed it."""


class EngineSettings(_Section):
    """What runs the model."""

    runtime: Runtime = Runtime.ONNX
    """`onnx`: ONNX Runtime on the CPU. `tensorrt`, `tensorrt_rtx`: an NVIDIA GPU, with an engine that
    `inspectd-train build` has built for it."""
    precision: Literal["auto", "fp32", "fp16", "int8"] = "auto"
    """`auto`: `fp32` on the CPU, `fp16` on a GPU. A CPU runs `fp32` and `int8`, a GPU `fp32` and `fp16`."""
    cache: Path = Path("/var/cache/inspectd")
    """Directory of the built engines. Only who may change the daemon itself should be able to write there."""
    cuda: CudaPackage = CudaPackage.CUDA_CORE
    """Package that calls the GPU: `cuda-core`, or `pycuda` where that is installed already; it has no CUDA graphs."""
    device: int = Field(default=0, ge=0, le=63)
    """Number of the GPU, as CUDA counts them."""
    threads: int = Field(default=0, ge=0, le=256)
    """Threads of the engine; 0 takes one for each core the daemon may use."""
    max_batch: int = Field(default=8, ge=1, le=256)
    """Most tiles the engine is given at a time; batches are filled across frames and cameras."""
    slots: int = Field(default=0, ge=0, le=16)
    """Most batches in flight; 0 takes two on the CPU, where the next is cut while the first runs, and three on a GPU,
    where one goes up, one runs and one comes down."""
    timeout_s: Positive = 30.0
    """An engine that has not answered a batch for this long is taken for dead, and the daemon leaves."""

    @field_validator("precision")
    @classmethod
    def _runtime_has_the_precision(cls, precision: str, info: ValidationInfo) -> str:
        runtime = info.data.get("runtime", Runtime.ONNX)
        missing = "fp16" if runtime is Runtime.ONNX else "int8"
        if precision == missing:
            raise ValueError(f"engine.runtime = '{runtime}' does not run it; leave it 'auto'")
        return precision


class ControlSettings(_Section):
    """Where requests come in: triggers."""

    address: str = addresses.CONTROL
    """ROUTER socket that answers requests."""
    max_open_parts: int = Field(default=64, ge=1, le=4096)
    """Most parts that may wait for their verdicts; further triggers are refused."""


class PublishSettings(_Section):
    """Where results leave. Without keys everything binds to this machine alone."""

    verdicts: str = addresses.VERDICTS
    """PUB socket of verdicts and heartbeats."""
    maps: str = addresses.MAPS
    """PUB socket of maps."""
    replay: str = addresses.REPLAY
    """ROUTER socket that answers replay requests."""
    map_encoding: Literal["float16", "png", "off"] = "float16"
    """`float16` for machines, `png` for eyes, `off` for none."""
    max_regions: int = Field(default=64, ge=1, le=4096)
    """Most regions listed in a verdict, largest peak first."""


class JournalSettings(_Section):
    """The durable record of every verdict."""

    path: Path = Path("/var/lib/inspectd/journal.db")
    """SQLite file; its directory must exist."""
    max_age_days: Positive = 30.0
    """Older verdicts are removed."""
    max_size_mb: int = Field(default=1024, ge=8)
    """The oldest verdicts are removed beyond this, MiB."""


class LogSettings(_Section):
    """What the daemon tells its operator."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written."""
    format: Literal["auto", "console", "json"] = "auto"
    """`console` for people, `json` for a journal, `auto`: console on a terminal, JSON otherwise."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    publisher: str = Field(default_factory=socket.gethostname, pattern=NAME, max_length=64)
    """Name of this daemon on the wire. Default: the host's name."""
    drain_s: Positive = 10.0
    """On SIGTERM, time for the frames already taken; what is then still open is ERROR `shutdown`."""
    model: ModelSettings
    engine: EngineSettings = EngineSettings()
    cameras: dict[Annotated[str, Field(pattern=NAME, max_length=64)], CameraSettings] = Field(min_length=1)
    """One table a camera, `[cameras.NAME]`."""
    publish: PublishSettings = PublishSettings()
    control: ControlSettings = ControlSettings()
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as init values."""
        return env_settings, init_settings


def load_settings(path: Path) -> Settings:
    """Read a configuration file and the environment.

    Raises:
        SettingsError: the file cannot be read, is not TOML, or holds unknown keys or impossible values; every problem
            is named at once, one a line.
    """
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    return make_settings(document, origin=str(path))


def make_settings(document: dict[str, Any], *, origin: str) -> Settings:
    """Check a configuration that was read already.

    Raises:
        SettingsError: as `load_settings`.
    """
    unknown = _unknown_environment()
    try:
        settings = Settings(**document)
    except ValidationError as error:
        problems = [f"{origin}: {_problem(detail)}" for detail in error.errors()]
        raise SettingsError("\n".join(problems + unknown)) from error
    except EnvironmentSettingsError as error:  # a whole section in one variable, which must be JSON
        raise SettingsError("\n".join([f"environment: {error}: not JSON", *unknown])) from error
    if unknown:
        raise SettingsError("\n".join(unknown))
    return settings


def _unknown_environment() -> list[str]:
    """pydantic-settings passes over variables that name no field at the top; a typo there must not be silent."""
    return [
        f"environment: {name}: no such setting; the sections are {', '.join(sorted(Settings.model_fields))}"
        for name in sorted(os.environ)
        if name.startswith(ENVIRONMENT_PREFIX)
        and name.removeprefix(ENVIRONMENT_PREFIX).partition("__")[0].lower() not in Settings.model_fields
        and name != "INSPECTD_DATA"
    ]


def _problem(detail: Any) -> str:
    key = ".".join(str(part) for part in detail["loc"] if part not in CAMERA_KINDS)
    if detail["type"] == "extra_forbidden":
        return f"{key}: no such setting (see docs/settings.md); was it misspelt?"
    if detail["type"] == "missing":
        return f"{key}: must be set (see docs/settings.md)"
    return f"{key} = {detail['input']!r}: {detail['msg']}"
