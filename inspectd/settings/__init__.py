"""The settings: a module for each kind of thing that can be set. docs/settings.md is generated from them."""

from inspectd.settings.aravis import AravisCamera, Feature
from inspectd.settings.archive import ArchiveSettings
from inspectd.settings.camera import DropPolicy, TriggerMode
from inspectd.settings.cameras import CAMERA_KINDS, CameraSettings, camera_kind
from inspectd.settings.drift import DriftSettings
from inspectd.settings.engine import EngineSettings, ModelSettings
from inspectd.settings.gst import GstCamera, PatternCamera, RtspCamera, V4l2Camera
from inspectd.settings.images import ImagesCamera
from inspectd.settings.opencv import OpencvCamera
from inspectd.settings.outlets import ControlSettings, JournalSettings, LogSettings, MetricsSettings, PublishSettings
from inspectd.settings.section import NAME, Positive
from inspectd.settings.security import SecuritySettings
from inspectd.settings.settings import ENVIRONMENT_PREFIX, Settings, load_settings, make_settings
from inspectd.settings.web import Direction, LineScanSettings, WebSettings

__all__ = [
    "CAMERA_KINDS",
    "ENVIRONMENT_PREFIX",
    "NAME",
    "AravisCamera",
    "ArchiveSettings",
    "CameraSettings",
    "ControlSettings",
    "Direction",
    "DriftSettings",
    "DropPolicy",
    "EngineSettings",
    "Feature",
    "GstCamera",
    "ImagesCamera",
    "JournalSettings",
    "LineScanSettings",
    "LogSettings",
    "MetricsSettings",
    "ModelSettings",
    "OpencvCamera",
    "PatternCamera",
    "Positive",
    "PublishSettings",
    "RtspCamera",
    "SecuritySettings",
    "Settings",
    "TriggerMode",
    "V4l2Camera",
    "WebSettings",
    "camera_kind",
    "load_settings",
    "make_settings",
]
