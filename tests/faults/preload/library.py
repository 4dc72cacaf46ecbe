"""Compiling them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def no_compiler() -> str | None:
    """Why none can be compiled."""
    return None if shutil.which("gcc") else "there is no C compiler (Debian's packages gcc and libc6-dev)"


def compiled(name: str, folder: Path) -> Path:
    """The library made of `name`.c, in `folder`."""
    library = folder / f"{name}.so"
    source = Path(__file__).with_name(f"{name}.c")
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library
