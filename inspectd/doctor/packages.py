"""Python packages with native libraries: whether they are there, and whether they load."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from dataclasses import dataclass

LOAD_TIMEOUT_S = 60.0
"""A first load from a slow disk takes seconds."""


@dataclass(frozen=True)
class Package:
    """A package, as it was found."""

    module: str
    version: str = ""
    """Empty where it is not there or does not load."""
    error: str = ""
    """Why it does not load; empty where it does or is not there."""


def read_package(module: str) -> Package:
    """Load a package in a process of its own, so that a broken native library takes nobody along."""
    if not _findable(module):
        return Package(module)
    command = [sys.executable, "-c", f"import {module} as package; print(getattr(package, '__version__', ''))"]
    try:
        # The interpreter is our own and the module's name is the caller's constant.
        run = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_TIMEOUT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return Package(module, error=f"it did not load within {LOAD_TIMEOUT_S:g} s")
    if run.returncode:
        said = run.stderr.strip().splitlines()
        return Package(module, error=said[-1] if said else f"loading it ended with exit code {run.returncode}")
    version = run.stdout.splitlines()[-1]  # what it prints while it loads comes before
    return Package(module, version or installed(module.partition(".")[0]) or "of an unknown version")


def installed(distribution: str) -> str:
    """Version of a distribution as pip names it; empty where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _findable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a parent, as `cuda` of `cuda.core`
        return False
