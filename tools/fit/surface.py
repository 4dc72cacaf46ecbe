"""A fit from start to end: good pictures in, a bundle out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain

import numpy as np

from calib.calibration import Calibration
from calib.drift import mean_distance
from calib.threshold import calibrate
from engines.bundle import Bundle, GoldenTiles, write_bundle
from engines.manifest import BackboneEntry, Manifest, TileGeometry, TrainingEntry
from engines.onnx import OnnxEngine
from engines.tiling import check_geometry
from tools.backbones import BACKBONES
from tools.backbones.weights import Loaded, load_backbone
from tools.fit.asked import FitOptions
from tools.fit.cache import FeatureCache
from tools.fit.comparison import compare, measure
from tools.fit.contrast import gather, per_tile
from tools.fit.extract import FeatureSet, Network, extract
from tools.fit.found import Found
from tools.fit.frames import JudgedFrames, judge, see_defective, see_good, see_spoilt
from tools.fit.golden import golden_tiles
from tools.fit.graph import Graph, Head, export
from tools.fit.lessons import Tested, put_to_test
from tools.fit.methods import METHODS
from tools.fit.models import Model
from tools.fit.overlaps import Overlaps, find_overlaps
from tools.fit.pictures import PictureFile
from tools.fit.pool import Pool, Spoilt, make_pool
from tools.fit.sets import TrainingSet
from tools.fit.splits import Split, split
from tools.fit.spoilt import SpoiltSet
from tools.fit.steps import Steps
from tools.fit.summary import Story, figures, make_report
from tools.method.features import FeatureExtractor
from tools.method.scorers import FINE

PACKAGES = ("inspectd", "torch", "timm", "onnx", "onnxruntime", "numpy", "scikit-learn", "opencv-python-headless")


@dataclass(frozen=True)
class Fitted:
    """What came of it."""

    bundle: Bundle
    choices: list[str]
    """What the program chose and why, a sentence each."""
    warnings: list[str]
    """What has to be known before the bundle is put to work, a sentence each."""
    seconds: dict[str, float]
    tested: list[Tested]
    """What the bundle says of the regression set."""


def fit_surface(options: FitOptions, found: Found, steps: Steps) -> Fitted:
    """Learn a surface.

    Raises:
        PictureError: a picture has become unreadable, or they show too little surface.
        WeightsError: the backbone's weights are nowhere.
        OutputError: the bundle cannot be written there.
        TileError: the tile and its overlap do not go together.
        EngineError: ONNX Runtime does not reproduce what torch computed; nothing is written.
    """
    surface = prepare(found.good, overlapping(found.good, steps), options, steps)
    with steps.step(options.method):
        model = METHODS[options.method].fit(surface.data)
    compared = [measure(options.method, model, surface.data), *compare(options.beside, surface.data, steps)]
    graph, golden = _export(surface, model, steps)
    draft = _Draft(options, surface, found.good, model, graph, golden)
    judged = _judge(draft, found, options, steps)
    calibration = draft.calibration(judged)
    results = put_to_test(found.lessons, judged.cases, calibration.threshold)
    story = Story(surface.parts, surface.loaded, compared, model, judged, len(surface.pool.good), results)
    manifest = draft.manifest(figures(story, calibration, steps.seconds))
    report = make_report(story, manifest, calibration, steps.seconds)
    bundle = write_bundle(
        options.out,
        manifest,
        model=graph,
        centroids=model.centroids,
        calibration=calibration,
        golden=golden,
        report=report,
    )
    return Fitted(bundle, story.choices(), story.warnings(), steps.seconds, results)


@dataclass(frozen=True)
class Surface:
    """Good pictures made ready to be learned, by whatever method."""

    parts: Split
    loaded: Loaded
    network: Network
    pool: Pool
    data: TrainingSet

    def geometry(self, model: Model) -> TileGeometry:
        """How frames are cut, with the cell of the map that this model makes."""
        return self.parts.geometry.model_copy(update={"cell": self.network.extractor.strides[model.scorer.depth]})


def feature_cache(options: FitOptions, loaded: Loaded, magnify: int) -> FeatureCache:
    """Where features of this backbone, seeing tiles so much enlarged, are kept."""
    return FeatureCache(options.cache, f"{loaded.sha256} ×{magnify}")


def overlapping(pictures: Sequence[PictureFile], steps: Steps) -> Overlaps:
    """Which of the pictures show the same.

    Raises:
        PictureError: one has become unreadable.
    """
    with steps.step("overlaps", len(pictures)) as advance:
        return find_overlaps(pictures, advance)


def prepare(pictures: Sequence[PictureFile], overlaps: Overlaps, options: FitOptions, steps: Steps) -> Surface:
    """Split the pictures, cut and spoil tiles, and compute their features.

    Raises:
        PictureError: too little surface.
        WeightsError: the backbone's weights are nowhere.
        TileError: the tile and its overlap do not go together.
    """
    backbone = BACKBONES[options.backbone]
    parts = split(
        pictures,
        backbone,
        overlaps,
        tile=options.tile,
        overlap=options.overlap,
        seed=options.seed,
        magnify=options.magnify,
    )
    check_geometry(parts.geometry)
    with steps.step("backbone"):
        loaded = load_backbone(backbone, options.weights)
        cache = feature_cache(options, loaded, parts.magnify)
        network = Network(FeatureExtractor(loaded, parts.magnify), parts.geometry.size, cache)
    with steps.step("tiles, synthetic defects", 1) as advance:
        pool = make_pool(parts, options.seed, advance, synthetic=options.synthetic)
    if not any(METHODS[name].contrast for name in (options.method, *options.beside)):
        pool = replace(pool, more=0)
    data = _features(network, pool, options, cache, steps)
    return Surface(parts, loaded, network, pool, data)


@dataclass(frozen=True)
class _Draft:
    """Everything of the bundle but the threshold and the figures, which need its engine to run first."""

    options: FitOptions
    surface: Surface
    pictures: Sequence[PictureFile]
    model: Model
    graph: bytes
    golden: GoldenTiles

    def manifest(self, measured: dict[str, float]) -> Manifest:
        options, parts, loaded = self.options, self.surface.parts, self.surface.loaded
        return Manifest(
            surface=options.surface,
            created_utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            method=self.model.method,
            backbone=BackboneEntry(name=options.backbone, weights_sha256=loaded.sha256, weights_source=loaded.source),
            tile=self.surface.geometry(self.model),
            embedding=self.model.centroids.shape[1],
            centroids=self.model.centroids.shape[0],
            mm_per_px=options.mm_per_px,
            training=TrainingEntry(
                fingerprint=_fingerprint(self.pictures),
                sha256=tuple(sorted({picture.sha256 for picture in self.pictures})),
                pictures=len(parts.train),
                held_out_pictures=len(parts.held_out),
                tiles=len(self.surface.pool.good),
                seed=options.seed,
            ),
            versions={package: version(package) for package in PACKAGES},
            figures=measured,
            files={},
        )

    def calibration(self, judged: JudgedFrames) -> Calibration:
        return calibrate(
            [each.score for each in judged.good],
            target_false_rejects=self.options.false_rejects,
            top_cells=self.model.top_cells,
            cells_per_picture=int(np.median([each.distance.size for each in judged.good])),
            border=judged.border,
            mean_distances=[mean_distance(each.distance) for each in judged.good],
            weights=self.surface.parts.weights,
        )

    def engine(self) -> OnnxEngine:
        """The very engine that the daemon will run, before the bundle is on disk."""
        provisional = Calibration(
            threshold=1.0,
            top_cells=self.model.top_cells,
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
            self.model.centroids,
            self.golden,
            self.graph,
        )
        return OnnxEngine(bundle)


def _features(network: Network, pool: Pool, options: FitOptions, cache: FeatureCache, steps: Steps) -> TrainingSet:
    lots = pool.good, pool.spoilt.tiles, pool.held_out, pool.held_out_spoilt.tiles

    def labelled(features: FeatureSet, drawn: Spoilt) -> SpoiltSet:
        return SpoiltSet(features, drawn.shares(network.extractor.strides[FINE]), drawn.masks, drawn.kinds)

    with steps.step("features", sum(len(lot) for lot in lots) + pool.more) as advance:
        good, spoilt, held_out, held_out_spoilt = (extract(network, lot, cache, advance) for lot in lots)
        kept = labelled(spoilt, pool.spoilt)
        more = (labelled(extract(network, drawn.tiles, None, advance), drawn) for drawn in pool.spoil_more())
        contrast = gather(good, chain([kept], more), per_tile(len(kept) + pool.more), options.seed)
    cache.trim()
    return TrainingSet(
        good,
        kept,
        held_out,
        labelled(held_out_spoilt, pool.held_out_spoilt),
        contrast,
        network.extractor.channels,
        options.seed,
        options.centroids,
    )


def _export(surface: Surface, model: Model, steps: Steps) -> tuple[bytes, GoldenTiles]:
    pool = surface.pool
    with steps.step("graph"):
        head = Head(model.scorer, model.top_cells)
        graph = Graph(surface.network.extractor, head)
        golden = golden_tiles(graph, model.centroids, pool.held_out, pool.held_out_spoilt.tiles)
        return export(surface.network.onnx, head, model.centroids.shape), golden


def _judge(draft: _Draft, found: Found, options: FitOptions, steps: Steps) -> JudgedFrames:
    geometry, rng = draft.surface.geometry(draft.model), np.random.default_rng([options.seed, 4])
    held_out = draft.surface.parts.held_out
    cases = found.lessons.pictures
    total = 2 * len(held_out) + len(found.defective) + len(cases)
    with steps.step("threshold", total) as advance, draft.engine() as engine:
        return judge(
            see_good(engine, geometry, held_out, advance),
            see_spoilt(engine, geometry, held_out, rng, advance),
            see_defective(engine, geometry, found.defective, advance),
            see_defective(engine, geometry, cases, advance),
            draft.model,
            levelled=METHODS[options.method].levelled,
        )


def _fingerprint(pictures: Sequence[PictureFile]) -> str:
    return hashlib.sha256("\n".join(sorted(picture.sha256 for picture in pictures)).encode()).hexdigest()
