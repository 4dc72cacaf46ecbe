from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from engines.builds import BuildCache, Fingerprint, Precision, Runtime
from engines.errors import BuildError

WANTED = Fingerprint(
    bundle="0123456789abcdef",
    runtime=Runtime.TENSORRT,
    runtime_version="10.9.0.34",
    precision=Precision.FP16,
    device="NVIDIA RTX A2000",
    compute_capability="8.6",
    driver="580.65.06",
    opt_batch=8,
    max_batch=8,
)
PLAN = bytes(range(256)) * 8


@pytest.fixture
def cache(tmp_path: Path) -> BuildCache:
    return BuildCache(tmp_path / "cache")


def test_an_engine_reads_back_as_it_was_written(cache: BuildCache) -> None:
    written = cache.write(WANTED, PLAN, {"layers": 3})
    opened = cache.open(WANTED)
    assert opened == written
    assert (opened.payload, opened.report, opened.fingerprint) == (PLAN, {"layers": 3}, WANTED)
    assert opened.path.parent == cache.directory / WANTED.bundle
    assert cache.list(WANTED.bundle) == [WANTED]


def test_a_second_build_takes_the_place_of_the_first_and_leaves_nothing_behind(cache: BuildCache) -> None:
    cache.write(WANTED, b"old", {})
    built = cache.write(WANTED, b"new", {})
    assert cache.open(WANTED).payload == b"new"
    assert list(built.path.parent.iterdir()) == [built.path]


def test_where_nothing_is_built_the_command_that_builds_it_is_told(cache: BuildCache) -> None:
    with pytest.raises(BuildError, match=r"no tensorrt fp16 engine .* inspectd-train build BUNDLE --runtime tensorrt"):
        cache.open(WANTED)


@pytest.mark.parametrize(
    ("field", "built", "message"),
    [
        ("driver", "570.1", "driver 570.1, this PC has 580.65.06"),
        ("device", "NVIDIA L4", "GPU NVIDIA L4, this PC has NVIDIA RTX A2000"),
        ("compute_capability", "8.9", "compute capability 8.9, this PC has 8.6"),
        ("runtime_version", "10.7.0", "runtime version 10.7.0, this PC has 10.9.0.34"),
        ("max_batch", 16, "largest batch 16, asked for is 8"),
    ],
)
def test_an_engine_for_another_pc_is_refused_with_what_differs(
    cache: BuildCache, field: str, built: str | int, message: str
) -> None:
    cache.write(Fingerprint(**{**WANTED.model_dump(), field: built}), PLAN, {})
    with pytest.raises(BuildError, match=message):
        cache.open(WANTED)


def test_the_engine_that_differs_least_is_the_one_compared(cache: BuildCache) -> None:
    cache.write(WANTED.model_copy(update={"driver": "1", "device": "old", "compute_capability": "7.5"}), PLAN, {})
    cache.write(WANTED.model_copy(update={"driver": "2"}), PLAN, {})
    with pytest.raises(BuildError, match=r"built for driver 2, this PC has 580\.65\.06; build it"):
        cache.open(WANTED)


def test_another_runtime_or_precision_is_no_substitute(cache: BuildCache) -> None:
    cache.write(WANTED.model_copy(update={"precision": Precision.FP32}), PLAN, {})
    cache.write(WANTED.model_copy(update={"runtime": Runtime.TENSORRT_RTX}), PLAN, {})
    with pytest.raises(BuildError, match="no tensorrt fp16 engine"):
        cache.open(WANTED)
    assert len(cache.list(WANTED.bundle)) == 2


@pytest.mark.parametrize("name", ["build.json", "engine.plan", "report.json"])
def test_a_flipped_bit_anywhere_is_refused(cache: BuildCache, name: str) -> None:
    file = cache.write(WANTED, PLAN, {"layers": 3}).path / name
    original = file.read_bytes()
    for position in range(len(original)):
        damaged = bytearray(original)
        damaged[position] ^= 1
        file.write_bytes(damaged)
        with pytest.raises(BuildError):
            cache.open(WANTED)


@pytest.mark.parametrize("name", ["build.json", "engine.plan", "report.json"])
def test_a_missing_file_is_refused_and_named(cache: BuildCache, name: str) -> None:
    (cache.write(WANTED, PLAN, {}).path / name).unlink()
    with pytest.raises(BuildError, match=f"{name} cannot be read"):
        cache.open(WANTED)


def test_an_engine_under_another_ones_name_is_refused(cache: BuildCache) -> None:
    other = cache.write(WANTED.model_copy(update={"driver": "570.1"}), PLAN, {})
    other.path.rename(other.path.with_name(WANTED.name))
    with pytest.raises(BuildError, match=r"driver 570\.1, this PC has 580\.65\.06"):
        cache.open(WANTED)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match="--cache"):
        BuildCache(tmp_path / "file" / "cache").write(WANTED, PLAN, {})


def test_batches_must_ascend() -> None:
    with pytest.raises(ValidationError, match="ascend"):
        Fingerprint(**{**WANTED.model_dump(), "opt_batch": 9})
