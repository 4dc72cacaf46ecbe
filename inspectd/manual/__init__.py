"""Cameras by hand: `inspectd cameras`, `inspectd snap` and `inspectd record`, which use the drivers without the daemon.

The driver runs in the command's own process, where somebody watches and can end it.
"""
