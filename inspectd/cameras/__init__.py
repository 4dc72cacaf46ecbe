"""Cameras: the seam that drivers plug into (`base`), the drivers, and `build`, which makes one from its settings.

A driver runs inside its camera's own capture process (see `inspectd.capture`): it may block, hang or crash there and
takes nobody along.
"""
