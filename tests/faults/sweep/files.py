"""Bundles and built engines that are damaged, or of another version. Each start with one is refused, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from engines.base import BatchResult
from engines.builds import BuildCache
from engines.bundle import MANIFEST, MODEL
from engines.onnx import OnnxEngine
from engines.onnx_int8 import GOLDEN, golden_report, int8_fingerprint
from inspectd.errors import EngineFailure, SettingsError
from tests.faults.sweep.fault import Fault, Seen, fault
from tests.faults.sweep.line import Line


def _truncate(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def _flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x04
    file.write_bytes(content)


def _set_schema(manifest: Path) -> None:
    document = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**document, "schema_version": 99}))


DAMAGES: Mapping[str, Callable[[Path], None]] = {"truncated": _truncate, "bit-flipped": _flip_a_bit}


def _damaged_bundle(damage: str, *, every: bool) -> Fault:
    name, which = (", each file", "one file of it after the other is") if every else ("", "its graph is")

    @fault(f"bundle {damage}{name}", f"{which} {damage}", long=every)
    def damaged(folder: Path) -> Seen:
        line = Line(folder)
        files = _files(line.bundle.path) if every else [line.bundle.path / MODEL]
        return _refused_for_each(line, files, DAMAGES[damage])

    return damaged


@fault("bundle of another version", "its manifest says schema 99")
def bundle_of_another_version(folder: Path) -> Seen:
    line = Line(folder)
    return _refused_for_each(line, [line.bundle.path / MANIFEST], _set_schema, "schema_version 99")


def _damaged_engine(damage: str) -> Fault:
    @fault(f"engine {damage}, each file", f"one file of the built INT8 engine after the other is {damage}", long=True)
    def damaged(folder: Path) -> Seen:
        line = _line_with_int8(folder)
        return _refused_for_each(line, _files(_build_int8(line, folder / "cache")), DAMAGES[damage])

    return damaged


@fault("engine of another version", "the INT8 engine was built with another ONNX Runtime")
def engine_of_another_version(folder: Path) -> Seen:
    line = _line_with_int8(folder)
    _build_int8(line, folder / "cache", runtime_version="0.0.1")
    _refused(line, SettingsError.exit_code, "runtime version 0.0.1, this PC has")
    _build_int8(line, folder / "cache")
    return _well_again(line, 1, SettingsError.exit_code)


@fault("engine judges otherwise", "the INT8 engine's golden scores are not those that it gives", long=True)
def engine_judges_otherwise(folder: Path) -> Seen:
    line = _line_with_int8(folder)
    _build_int8(line, folder / "cache", factor=1.5)
    _refused(line, EngineFailure.exit_code, "golden tiles")
    _build_int8(line, folder / "cache")
    return _well_again(line, 1, EngineFailure.exit_code)


def _line_with_int8(folder: Path) -> Line:
    return Line(folder, engine__precision="int8", engine__cache=folder / "cache")


def _build_int8(line: Line, cache: Path, *, factor: float = 1.0, **changes: str) -> Path:
    """An engine as INT8's are kept; to the daemon its graph is as good as any."""
    with OnnxEngine(line.bundle, threads=1) as engine:
        said = engine.infer(line.bundle.golden.tiles)
    report = {GOLDEN: golden_report(BatchResult(said.distance * factor, said.score * factor))}
    fingerprint = int8_fingerprint(line.bundle).model_copy(update=changes)
    return BuildCache(cache).write(fingerprint, line.bundle.model, report).path


def _files(directory: Path) -> list[Path]:
    return sorted(file for file in directory.rglob("*") if file.is_file())


def _refused_for_each(line: Line, files: Iterable[Path], damage: Callable[[Path], None], *words: str) -> Seen:
    starts = 0
    for file in files:
        sound = file.read_bytes()
        damage(file)
        _refused(line, SettingsError.exit_code, file.name, *words)
        file.write_bytes(sound)
        starts += 1
    return _well_again(line, starts, SettingsError.exit_code)


def _refused(line: Line, code: int, *words: str) -> None:
    """A start that must be refused, with these words."""
    before = len(line.log)
    with line.daemon() as daemon:
        ended = daemon.wait()
    said = line.log[before:]
    assert ended == code, f"exit code {ended}: {said}"
    assert all(word in said for word in words), f"not all of {words} is in: {said}"
    assert "Traceback" not in said


def _well_again(line: Line, refused: int, code: int) -> Seen:
    with line.running():
        pass
    assert not line.reasons()
    return Seen(f"{refused} start{'s' if refused > 1 else ''} refused, exit code {code}, in words; then {line.told()}")


FAULTS = (
    *(_damaged_bundle(damage, every=every) for damage in DAMAGES for every in (False, True)),
    bundle_of_another_version,
    *map(_damaged_engine, DAMAGES),
    engine_of_another_version,
    engine_judges_otherwise,
)
