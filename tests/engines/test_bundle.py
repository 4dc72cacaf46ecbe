from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.bundle import REQUIRED, Bundle, open_bundle
from engines.errors import BundleError, SchemaError
from tests.bundles import tiny_bundle


@pytest.fixture
def copy(bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle.path, tmp_path / bundle.path.name))


def test_a_bundle_reads_back_as_it_was_written(bundle: Bundle) -> None:
    again = open_bundle(bundle.path)
    assert again.id == bundle.id == bundle.path.name.split("-")[-1]
    assert again.manifest == bundle.manifest
    assert again.calibration == bundle.calibration
    np.testing.assert_array_equal(again.golden.tiles, bundle.golden.tiles)
    np.testing.assert_array_equal(again.centroids, bundle.centroids)


def test_the_same_content_has_the_same_name(bundle: Bundle, tmp_path: Path) -> None:
    assert tiny_bundle(tmp_path).path.name == bundle.path.name


def test_a_flipped_bit_anywhere_is_refused_and_named(copy: Path) -> None:
    files = [file for file in sorted(copy.rglob("*")) if file.is_file()]
    assert len(files) > len(REQUIRED)
    for file in files:
        original = file.read_bytes()
        for position in (0, len(original) // 2, len(original) - 1):
            damaged = bytearray(original)
            damaged[position] ^= 1
            file.write_bytes(damaged)
            with pytest.raises(BundleError, match=file.name):
                open_bundle(copy)
        file.write_bytes(original)
    open_bundle(copy)


def test_a_missing_file_is_refused_and_named(copy: Path) -> None:
    for name in ("manifest.json", *REQUIRED, "golden/00.png"):
        hidden = copy.parent / "hidden"
        (copy / name).rename(hidden)
        with pytest.raises(BundleError, match=f"{name}: missing"):
            open_bundle(copy)
        hidden.rename(copy / name)


def test_a_truncated_file_is_refused(copy: Path) -> None:
    os.truncate(copy / "model.onnx", 100)
    with pytest.raises(BundleError, match=r"model\.onnx: its content does not match"):
        open_bundle(copy)


def test_another_schema_version_is_refused_with_the_way_out(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 99}))
    with pytest.raises(SchemaError, match="schema_version 99, this release reads 1; use the release that made it"):
        open_bundle(copy)


def test_a_renamed_bundle_is_refused(copy: Path) -> None:
    with pytest.raises(BundleError, match="directory renamed"):
        open_bundle(copy.rename(copy.with_name("tiny-0000000000000000")))


def test_a_link_to_a_bundle_opens_the_bundle(copy: Path) -> None:
    link = copy.parent / "current"
    link.symlink_to(copy)
    assert open_bundle(link).path == copy


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such bundle"):
        open_bundle(tmp_path / "none")
    with pytest.raises(BundleError, match=r"manifest\.json: missing"):
        open_bundle(tmp_path)


def test_a_manifest_cannot_reach_outside_its_bundle(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["../outside"] = manifest["files"]["report.html"]
    raw = json.dumps(manifest).encode()
    (copy / "manifest.json").write_bytes(raw)
    renamed = copy.rename(copy.with_name(f"tiny-{hashlib.sha256(raw).hexdigest()[:16]}"))
    with pytest.raises(BundleError, match="points outside the bundle"):
        open_bundle(renamed)


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="cannot be written"):
        tiny_bundle(tmp_path / "file")


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    tiny_bundle(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
