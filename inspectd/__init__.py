"""The daemon that inspects, and its client library."""

from importlib.metadata import version

__version__ = version("inspectd")
