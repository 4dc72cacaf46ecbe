"""Built engines: what a runtime made of a bundle for one PC, kept apart from the bundle and never built unasked.

A built engine is a directory `<cache>/<bundle id>/<runtime>-<precision>-<digest>`, the digest being the first 16
hexadecimal digits of the SHA-256 of its fingerprint: everything that must be the same where it runs as where it was
built. `build.json` holds the fingerprint and the hash of every file beside it. Nothing in it is unpickled by us; a plan
is deserialised by its runtime, which runs what it holds, so the cache must be writable by root alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engines.durable import staging_directory, sync_directory, write_files
from engines.errors import BuildError
from engines.manifest import FileEntry

RECORD = "build.json"
REPORT = "report.json"
DIGEST_DIGITS = 16
DEFAULT_CACHE = Path("/var/cache/inspectd")
SCHEMA_VERSION: Final = 1
"""Version of the layout of a built engine; builds of another one are built again by hand."""


class Precision(StrEnum):
    """What weights and activations are kept in; reductions, distance and score are float32 in all of them."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


class Runtime(StrEnum):
    """What runs a built engine."""

    ONNX = "onnx"
    TENSORRT = "tensorrt"
    TENSORRT_RTX = "tensorrt_rtx"

    @property
    def payload(self) -> str:
        """Name of the file that the runtime loads."""
        return "model.onnx" if self is Runtime.ONNX else "engine.plan"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fingerprint(_Strict):
    """Everything that must be the same where an engine runs as where it was built."""

    bundle: str = Field(pattern=r"^[0-9a-f]{16}$")
    """The bundle's id."""
    runtime: Runtime
    runtime_version: str = Field(min_length=1)
    precision: Precision
    device: str = ""
    """Name of the GPU as its driver tells it; empty on a CPU and for builds made ahead of time, without the GPU."""
    compute_capability: str = Field(default="", pattern=r"^([1-9][0-9]?\.[0-9])?$")
    """As `8.6`; empty on a CPU."""
    driver: str = ""
    """Version of the GPU's driver; empty where it does not matter: on a CPU and for builds made ahead of time."""
    min_batch: int = Field(default=1, ge=1)
    opt_batch: int = Field(ge=1)
    """Tiles in the batch that the engine is fastest at."""
    max_batch: int = Field(ge=1)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.min_batch <= self.opt_batch <= self.max_batch:
            raise ValueError(f"batches {self.min_batch}, {self.opt_batch}, {self.max_batch} do not ascend")
        return self

    @property
    def name(self) -> str:
        """Of the directory, below the bundle's."""
        digest = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"{self.runtime}-{self.precision}-{digest[:DIGEST_DIGITS]}"

    def differences(self, wanted: Fingerprint) -> list[str]:
        """Each field in which this build is not what is wanted, in words."""
        ours, theirs = self.model_dump(mode="json"), wanted.model_dump(mode="json")
        return [
            f"{label} {ours[name] or 'none'}, {wanted_by} {theirs[name] or 'none'}"
            for name, (label, wanted_by) in _WORDS.items()
            if ours[name] != theirs[name]
        ]


_HERE, _ASKED = "this PC has", "asked for is"
_WORDS = {
    "bundle": ("bundle", _ASKED),
    "runtime": ("runtime", _ASKED),
    "precision": ("precision", _ASKED),
    "runtime_version": ("runtime version", _HERE),
    "device": ("GPU", _HERE),
    "compute_capability": ("compute capability", _HERE),
    "driver": ("driver", _HERE),
    "min_batch": ("smallest batch", _ASKED),
    "opt_batch": ("usual batch", _ASKED),
    "max_batch": ("largest batch", _ASKED),
}


@dataclass(frozen=True)
class BuiltEngine:
    """A verified build. `BuildCache` makes it."""

    path: Path
    fingerprint: Fingerprint
    payload: bytes = field(repr=False)
    """What the runtime loads, the very bytes whose hash was checked."""
    report: Mapping[str, Any] = field(repr=False)
    """Layers, size and time, as the builder noted them."""


class _Record(_Strict):
    """`build.json`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    fingerprint: Fingerprint
    files: dict[str, FileEntry]

    def to_json(self) -> bytes:
        """As it stands in the file, byte for byte."""
        return (self.model_dump_json(indent=2) + "\n").encode()


class BuildCache:
    """The directory of built engines, those of all bundles."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, fingerprint: Fingerprint, payload: bytes, report: Mapping[str, Any]) -> BuiltEngine:
        """Keep an engine in place of the one with this fingerprint, if there is one; whole or not at all.

        Raises:
            BuildError: it cannot be written.
        """
        target = self._path(fingerprint)
        files = {
            fingerprint.runtime.payload: payload,
            REPORT: (json.dumps(report, indent=1) + "\n").encode(),
        }
        try:
            with staging_directory(target.parent) as staging:
                write_files(staging, {**files, RECORD: _record(fingerprint, files).to_json()})
                _replace(target, staging)
        except OSError as error:
            raise BuildError(
                f"{target}: cannot be written: {error.strerror or error}; choose another folder with --cache, "
                "or run the command as a user who may write there"
            ) from error
        return _read(target)

    def open(self, wanted: Fingerprint) -> BuiltEngine:
        """The engine built with exactly this fingerprint.

        Raises:
            BuildError: there is none, and how to build it; or there is one for another PC, and what differs; or it is
                damaged.
        """
        path = self._path(wanted)
        if not path.is_dir():
            raise BuildError(self._why_absent(wanted))
        built = _read(path)
        if differences := built.fingerprint.differences(wanted):
            raise BuildError(f"{path}: built for {'; '.join(differences)}; {self._how_to_build(wanted)}")
        return built

    def list(self, bundle_id: str) -> list[Fingerprint]:
        """What is built of a bundle; what cannot be read is left out."""
        return sorted(self._fingerprints(bundle_id), key=lambda fingerprint: fingerprint.name)

    def _path(self, fingerprint: Fingerprint) -> Path:
        return self.directory / fingerprint.bundle / fingerprint.name

    def _fingerprints(self, bundle_id: str) -> Iterator[Fingerprint]:
        for record in (self.directory / bundle_id).glob(f"[!.]*/{RECORD}"):
            try:
                yield _read_record(record.parent).fingerprint
            except BuildError:
                continue

    def _why_absent(self, wanted: Fingerprint) -> str:
        others = [
            other
            for other in self._fingerprints(wanted.bundle)
            if (other.runtime, other.precision) == (wanted.runtime, wanted.precision)
        ]
        what = f"{wanted.runtime} {wanted.precision} engine of bundle {wanted.bundle}"
        if not others:
            return f"no {what} in {self.directory}; {self._how_to_build(wanted)}"
        nearest = min(others, key=lambda other: len(other.differences(wanted)))
        differences = "; ".join(nearest.differences(wanted))
        return f"{self._path(nearest)}: this {what} was built for {differences}; {self._how_to_build(wanted)}"

    def _how_to_build(self, wanted: Fingerprint) -> str:
        more = "--images GOOD" if wanted.runtime is Runtime.ONNX else f"--max-batch {wanted.max_batch}"
        return (
            f"build it on this PC: inspectd-train build BUNDLE --runtime {wanted.runtime} "
            f"--precision {wanted.precision} {more} --cache {self.directory}"
        )


def _record(fingerprint: Fingerprint, files: Mapping[str, bytes]) -> _Record:
    return _Record(fingerprint=fingerprint, files={name: FileEntry.of(data) for name, data in files.items()})


def _replace(target: Path, staging: Path) -> None:
    """Put `staging` in the place of `target`. A directory cannot be renamed over a full one, so for an instant there
    may be none: who opens it then is told to build it, and is never given half of one."""
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=".old-", dir=target.parent))
        os.replace(target, old)  # noqa: PTH105 - says that `old`, which is empty, is replaced
        staging.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        staging.rename(target)
    sync_directory(target.parent)


def _read(path: Path) -> BuiltEngine:
    record = _read_record(path)
    content = {}
    for name in (record.fingerprint.runtime.payload, REPORT):
        if name not in record.files:
            raise _damaged(path, f"{RECORD} lists no {name}")
        content[name] = _bytes(path, name)
        if FileEntry.of(content[name]) != record.files[name]:
            raise _damaged(path, f"{name} does not match its hash")
    return BuiltEngine(
        path, record.fingerprint, content[record.fingerprint.runtime.payload], json.loads(content[REPORT])
    )


def _read_record(path: Path) -> _Record:
    raw = _bytes(path, RECORD)
    try:
        record = _Record.model_validate_json(raw)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise _damaged(path, f"{RECORD}: {where}: {problem['msg']}") from error
    if raw != record.to_json():
        raise _damaged(path, f"{RECORD} was changed by hand")
    return record


def _bytes(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise _damaged(path, f"{name} cannot be read: {error.strerror}") from error


def _damaged(path: Path, what: str) -> BuildError:
    return BuildError(
        f"{path}: {what}; the built engine is damaged and will not be run. Delete the folder, build again"
    )
