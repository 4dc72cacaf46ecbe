"""Frozen ImageNet networks that turn tiles into features."""

from __future__ import annotations

from tools.backbones.b3 import B3
from tools.backbones.base import Backbone
from tools.backbones.lite0 import Lite0

BACKBONES: dict[str, Backbone] = {backbone.name: backbone for backbone in (Lite0(), B3())}
"""By name; the first is the default."""
