"""A fit from start to end: good pictures in, a bundle out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calib.calibration import Calibration
from calib.threshold import calibrate
from engines.bundle import Bundle, GoldenTiles, write_bundle
from engines.manifest import BackboneEntry, Manifest, TrainingEntry
from engines.onnx import OnnxEngine
from engines.tiling import check_geometry
from tools.backbones import BACKBONES
from tools.backbones.weights import Loaded, load_backbone
from tools.errors import OutputError
from tools.fit.cache import FeatureCache
from tools.fit.candidates import Candidate, HeldOut, choose, fit_candidates
from tools.fit.extract import FeatureSet, extract
from tools.fit.frames import Judged, JudgedFrames, judge_defective, judge_good, judge_spoilt
from tools.fit.golden import golden_tiles
from tools.fit.graph import Graph, export
from tools.fit.pictures import PictureFile, find_defective, find_good
from tools.fit.pool import Pool, make_pool
from tools.fit.splits import Split, split
from tools.fit.steps import Steps
from tools.fit.summary import Story, figures, make_report
from tools.fit.train import Epoch, train_embedder
from tools.method.embedder import Embedder
from tools.method.features import FeatureExtractor
from tools.method.score import TOP_CELLS

PACKAGES = ("inspectd", "torch", "timm", "onnx", "onnxruntime", "numpy", "scikit-learn", "opencv-python-headless")
Method = Literal["cse", "whitened"]


@dataclass(frozen=True)
class FitOptions:
    """What `inspectd-train fit` was asked."""

    good: Path
    out: Path
    cache: Path
    surface: str
    defects: Path | None = None
    backbone: str = "tf_efficientnet_lite0"
    weights: Path | None = None
    tile: int | Literal["auto"] = "auto"
    overlap: int = 32
    centroids: int | Literal["auto"] = "auto"
    method: Method = "cse"
    false_rejects: float = 0.01
    seed: int = 0
    mm_per_px: float | None = None
    skip_unreadable: bool = False


@dataclass(frozen=True)
class Fitted:
    """What came of it."""

    bundle: Bundle
    choices: list[str]
    """What the program chose and why, a sentence each."""
    seconds: dict[str, float]


def fit_surface(options: FitOptions, steps: Steps) -> Fitted:
    """Learn a surface.

    Raises:
        PictureError: pictures that cannot be learned from.
        WeightsError: the backbone's weights are nowhere.
        OutputError: the bundle cannot be written there.
        TileError: the tile and its overlap do not go together.
        EngineError: ONNX Runtime does not reproduce what torch computed; nothing is written.
    """
    _check_writable(options.out)
    pictures, defective = _find(options, steps)
    backbone = BACKBONES[options.backbone]
    parts = split(pictures, backbone, tile=options.tile, overlap=options.overlap, seed=options.seed)
    check_geometry(parts.geometry)
    with steps.step("backbone"):
        loaded = load_backbone(backbone, options.weights)
        extractor = FeatureExtractor(loaded)
    with steps.step("tiles, synthetic defects", 1) as advance:
        pool = make_pool(parts, options.seed, advance)
    sets = _features(extractor, pool, FeatureCache(options.cache, loaded.sha256), steps)
    shares = pool.spoilt.shares(parts.geometry.cell)
    embedder, epochs = _train(options, sets, shares, extractor, steps)
    with steps.step("centroids"):
        held_out = HeldOut(sets.held_out, sets.held_out_spoilt)
        candidates = fit_candidates(
            sets.good, held_out, embedder, channels=extractor.channels, centroids=options.centroids, seed=options.seed
        )
        chosen = choose(candidates)
    model, golden = _export(extractor, chosen, pool, parts, steps)
    draft = _Draft(options, parts, pictures, loaded, chosen, model, golden, len(pool.good))
    judged = _judge(draft, parts, defective, options, steps)
    story = Story(parts, loaded, candidates, chosen, epochs, judged, len(pool.good))
    calibration = draft.calibration(judged.good)
    manifest = draft.manifest(figures(story, calibration, steps.seconds))
    report = make_report(story, manifest, calibration, steps.seconds)
    bundle = write_bundle(
        options.out,
        manifest,
        model=model,
        centroids=chosen.centroids,
        calibration=calibration,
        golden=golden,
        report=report,
    )
    return Fitted(bundle, story.choices(), steps.seconds)


def surface_name(good: Path) -> str:
    """A surface's name from its folder: the folder's own, or its parent's where that is just `good`."""
    folder = good.resolve()
    if folder.name.lower() == "good":
        folder = folder.parent
        folder = folder.parent if folder.name.lower() in {"train", "test"} else folder
    name = re.sub(r"[^a-z0-9_-]+", "-", folder.name.lower()).strip("-_")
    return name[:64] or "surface"


@dataclass(frozen=True)
class _Sets:
    good: FeatureSet
    spoilt: FeatureSet
    held_out: FeatureSet
    held_out_spoilt: FeatureSet


@dataclass(frozen=True)
class _Draft:
    """Everything of the bundle but the threshold and the figures, which need its engine to run first."""

    options: FitOptions
    parts: Split
    pictures: Sequence[PictureFile]
    loaded: Loaded
    chosen: Candidate
    model: bytes
    golden: GoldenTiles
    tiles: int

    def manifest(self, measured: dict[str, float]) -> Manifest:
        chosen, options = self.chosen, self.options
        return Manifest(
            surface=options.surface,
            created_utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            method=chosen.name,
            backbone=BackboneEntry(
                name=options.backbone, weights_sha256=self.loaded.sha256, weights_source=self.loaded.source
            ),
            tile=self.parts.geometry,
            embedding=chosen.centroids.shape[1],
            centroids=chosen.centroids.shape[0],
            mm_per_px=options.mm_per_px,
            training=TrainingEntry(
                fingerprint=_fingerprint(self.pictures),
                sha256=tuple(sorted({picture.sha256 for picture in self.pictures})),
                pictures=len(self.parts.train),
                held_out_pictures=len(self.parts.held_out),
                tiles=self.tiles,
                seed=options.seed,
            ),
            versions={package: version(package) for package in PACKAGES},
            figures=measured,
            files={},
        )

    def calibration(self, good: Sequence[Judged]) -> Calibration:
        return calibrate(
            [each.score for each in good],
            target_false_rejects=self.options.false_rejects,
            top_cells=TOP_CELLS,
            cells_per_picture=int(np.median([each.distance.size for each in good])),
        )

    def engine(self) -> OnnxEngine:
        """The very engine that the daemon will run, before the bundle is on disk."""
        provisional = Calibration(
            threshold=1.0,
            top_cells=TOP_CELLS,
            target_false_rejects=self.options.false_rejects,
            method="pareto-tail",
            observed_false_rejects=0.0,
            interval=(0.0, 1.0),
            cells_per_picture=1,
            held_out_scores=(),
        )
        bundle = Bundle(
            self.options.out / "draft",
            "",
            self.manifest({}),
            provisional,
            self.chosen.centroids,
            self.golden,
            self.model,
        )
        return OnnxEngine(bundle)


def _check_writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writing-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"--out {out}: cannot be written: {error.strerror or error}; name another folder") from error


def _find(options: FitOptions, steps: Steps) -> tuple[list[PictureFile], list[PictureFile]]:
    with steps.step("reading pictures"):
        pictures = find_good(options.good, skip=options.skip_unreadable)
        defective = (
            find_defective(options.defects, options.good, skip=options.skip_unreadable) if options.defects else []
        )
    return pictures, defective


def _features(extractor: FeatureExtractor, pool: Pool, cache: FeatureCache, steps: Steps) -> _Sets:
    lots = pool.good, pool.spoilt.tiles, pool.held_out, pool.held_out_spoilt.tiles
    with steps.step("features", sum(len(lot) for lot in lots)) as advance:
        good, spoilt, held_out, held_out_spoilt = (extract(extractor, lot, cache, advance) for lot in lots)
    cache.trim()
    return _Sets(good, spoilt, held_out, held_out_spoilt)


def _train(
    options: FitOptions, sets: _Sets, shares: NDArray[np.float32], extractor: FeatureExtractor, steps: Steps
) -> tuple[Embedder | None, list[Epoch]]:
    if options.method == "whitened":
        return None, []
    with steps.step("embedder", 1) as advance:
        return train_embedder(
            sets.good,
            sets.spoilt,
            shares,
            channels=extractor.channels,
            seed=options.seed,
            progress=advance,
        )


def _export(
    extractor: FeatureExtractor, chosen: Candidate, pool: Pool, parts: Split, steps: Steps
) -> tuple[bytes, GoldenTiles]:
    with steps.step("graph"):
        graph = Graph(extractor, chosen.embedding, TOP_CELLS)
        golden = golden_tiles(graph, chosen.centroids, pool.held_out, pool.held_out_spoilt.tiles)
        return export(graph, parts.geometry.size, chosen.centroids.shape[1]), golden


def _judge(
    draft: _Draft, parts: Split, defective: Sequence[PictureFile], options: FitOptions, steps: Steps
) -> JudgedFrames:
    geometry, rng = parts.geometry, np.random.default_rng([options.seed, 4])
    total = 2 * len(parts.held_out) + len(defective)
    with steps.step("threshold", total) as advance, draft.engine() as engine:
        return JudgedFrames(
            judge_good(engine, geometry, parts.held_out, advance),
            judge_spoilt(engine, geometry, parts.held_out, rng, advance),
            judge_defective(engine, geometry, defective, advance),
        )


def _fingerprint(pictures: Sequence[PictureFile]) -> str:
    return hashlib.sha256("\n".join(sorted(picture.sha256 for picture in pictures)).encode()).hexdigest()
