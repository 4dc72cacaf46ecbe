"""What every runtime must keep, as one class of tests. A runtime's test module derives from it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.base import Engine, Ticket
from engines.bundle import Bundle
from engines.cuts import Cut, TiledFrame, cuts_of_tiles
from engines.errors import EngineBusyError, EngineError, GoldenError, NotFiniteError, TileError
from engines.pixels import PixelFormat
from engines.tiling import tile_grid
from tests.bundles import expected_distance, surface_picture


def submit(engine: Engine, tiles: NDArray[np.uint8]) -> Ticket:
    """Tiles that were cut already."""
    return engine.submit(cuts_of_tiles(tiles, engine.geometry))


class EngineContract(ABC):
    """Derive, and say how the engine is made."""

    @abstractmethod
    def make(self, bundle: Bundle, *, max_batch: int = 8, slots: int = 2) -> Engine:
        """An engine that was not activated."""

    def test_scores_and_maps_are_those_of_the_graph(self, bundle: Bundle) -> None:
        tiles = np.stack([surface_picture(seed, 64, 64) for seed in range(5)])
        with self.make(bundle) as engine:
            result = engine.infer(tiles)
        expected = expected_distance(tiles, bundle.centroids, bundle.manifest.tile.cell)
        np.testing.assert_allclose(result.distance, expected, rtol=1e-3, atol=1e-3)
        top = np.sort(expected.reshape(5, -1), axis=1)[:, -bundle.calibration.top_cells :].mean(axis=1)
        np.testing.assert_allclose(result.score, top, rtol=1e-3)

    def test_every_batch_size_gives_a_tile_the_same_score(self, bundle: Bundle) -> None:
        tiles = np.stack([surface_picture(seed, 64, 64) for seed in range(8)])
        with self.make(bundle) as engine:
            whole = engine.infer(tiles).score
            for size in range(1, 8):
                np.testing.assert_allclose(engine.infer(tiles[:size]).score, whole[:size], rtol=1e-5)

    def test_results_may_be_collected_in_any_order(self, bundle: Bundle) -> None:
        batches = [np.stack([surface_picture(seed, 64, 64)]) for seed in range(3)]
        with self.make(bundle, slots=3) as engine:
            expected = [engine.infer(batch).score for batch in batches]
            tickets = [submit(engine, batch) for batch in batches]
            for index in (2, 0, 1):
                np.testing.assert_array_equal(engine.collect(tickets[index], 10).score, expected[index])

    def test_more_batches_than_slots_are_refused(self, bundle: Bundle) -> None:
        tile = np.zeros((1, 64, 64, 3), np.uint8)
        with self.make(bundle, slots=2) as engine:
            tickets = [submit(engine, tile), submit(engine, tile)]
            with pytest.raises(EngineBusyError, match="2 batches are in flight"):
                submit(engine, tile)
            for ticket in tickets:
                engine.collect(ticket, 10)
            engine.infer(tile)

    def test_a_result_is_collected_once(self, bundle: Bundle) -> None:
        with self.make(bundle) as engine:
            ticket = submit(engine, np.zeros((1, 64, 64, 3), np.uint8))
            engine.collect(ticket, 10)
            with pytest.raises(EngineError, match="names no batch in flight"):
                engine.collect(ticket, 10)

    @pytest.mark.parametrize(
        ("tiles", "told"),
        [
            (np.zeros((0, 64, 64, 3), np.uint8), "batch of 0 tiles; wanted 1 to 8"),
            (np.zeros((9, 64, 64, 3), np.uint8), "batch of 9 tiles; wanted 1 to 8"),
            (np.zeros((1, 32, 64, 3), np.uint8), "wanted uint8 N×64×64×3"),
            (np.zeros((1, 64, 64, 3), np.float32), "wanted uint8 N×64×64×3"),
        ],
        ids=["none", "too many", "another size", "another type"],
    )
    def test_a_batch_of_another_shape_is_refused(self, bundle: Bundle, tiles: NDArray[Any], told: str) -> None:
        with self.make(bundle) as engine, pytest.raises(EngineError, match=told):
            engine.infer(tiles)

    def test_tiles_of_another_geometry_are_refused(self, bundle: Bundle) -> None:
        other = bundle.manifest.tile.model_copy(update={"overlap": 32})
        with self.make(bundle) as engine, pytest.raises(EngineError, match="overlap=32"):
            engine.submit(cuts_of_tiles(np.zeros((1, 64, 64, 3), np.uint8), other))

    @pytest.mark.parametrize("pixel_format", list(PixelFormat))
    def test_frames_of_any_size_and_format_are_cut_as_on_the_cpu(
        self, bundle: Bundle, pixel_format: PixelFormat
    ) -> None:
        rng = np.random.default_rng(3)
        with self.make(bundle, max_batch=5) as engine:
            for height, width in ((64, 64), (30, 41), (150, 203), (1, 300)):
                pixels = rng.integers(0, 256, pixel_format.shape(height, width), np.uint8)
                frame = TiledFrame(pixels, pixel_format, tile_grid(height, width, engine.geometry))
                expected = np.empty((len(frame.grid), 64, 64, 3), np.uint8)
                Cut(frame, 0, len(frame.grid)).write(expected)
                maps = [
                    engine.collect(engine.submit([Cut(frame, first, min(2, len(frame.grid) - first))]), 10).distance
                    for first in range(0, len(frame.grid), 2)
                ]
                cell = engine.geometry.cell
                wanted = expected_distance(expected, bundle.centroids, cell)
                np.testing.assert_allclose(np.concatenate(maps), wanted, rtol=1e-3, atol=1e-3)

    def test_a_batch_mixes_frames_and_a_frame_spans_batches(self, bundle: Bundle) -> None:
        pictures = [surface_picture(1, 64, 64), surface_picture(2, 100, 140)]
        with self.make(bundle, max_batch=4, slots=3) as engine:
            small, large = (
                TiledFrame(pixels, PixelFormat.RGB8, tile_grid(*pixels.shape[:2], engine.geometry))
                for pixels in pictures
            )
            assert len(large.grid) == 6
            batches = ([Cut(small, 0, 1), Cut(large, 0, 3)], [Cut(large, 3, 3)])
            tickets = [engine.submit(batch) for batch in batches]
            second, first = (engine.collect(ticket, 10).distance for ticket in reversed(tickets))
            tiles = np.empty((7, 64, 64, 3), np.uint8)
            Cut(small, 0, 1).write(tiles[:1])
            Cut(large, 0, 6).write(tiles[1:])
        expected = expected_distance(tiles, bundle.centroids, bundle.manifest.tile.cell)
        np.testing.assert_allclose(np.concatenate([first, second]), expected, rtol=1e-3, atol=1e-3)

    def test_pixels_that_are_not_of_their_grid_are_refused_and_cost_no_slot(self, bundle: Bundle) -> None:
        with self.make(bundle, slots=1) as engine:
            wrong = TiledFrame(np.zeros((70, 64), np.uint8), PixelFormat.MONO8, tile_grid(64, 64, engine.geometry))
            for _ in range(3):
                with pytest.raises(TileError, match="on a grid for"):
                    engine.submit([Cut(wrong, 0, 1)])
            engine.infer(np.zeros((1, 64, 64, 3), np.uint8))

    def test_new_centroids_hold_from_the_next_batch_and_not_for_those_in_flight(self, bundle: Bundle) -> None:
        tiles = np.stack([surface_picture(seed, 64, 64) for seed in range(3)])
        moved = bundle.centroids + np.float32(25)
        cell = bundle.manifest.tile.cell
        with self.make(bundle, slots=3) as engine:
            before = submit(engine, tiles)
            engine.update_centroids(moved)
            after = submit(engine, tiles)
            engine.update_centroids(bundle.centroids)
            again = submit(engine, tiles)
            results = [engine.collect(ticket, 10).distance for ticket in (before, after, again)]
        for distance, centroids in zip(results, (bundle.centroids, moved, bundle.centroids), strict=True):
            expected = expected_distance(tiles, centroids, cell)
            np.testing.assert_allclose(distance, expected, rtol=1e-3, atol=1e-3)

    def test_centroids_of_another_shape_are_refused(self, bundle: Bundle) -> None:
        engine = self.make(bundle)
        with pytest.raises(EngineError, match="not active"):
            engine.update_centroids(bundle.centroids)
        with engine:
            wrongs: list[NDArray[Any]] = [bundle.centroids[:, :3], bundle.centroids.astype(np.float64)]
            for wrong in wrongs:
                with pytest.raises(EngineError, match=r"wanted float32 \(1, 6\)"):
                    engine.update_centroids(wrong)

    def test_its_life_is_guarded(self, bundle: Bundle) -> None:
        tile = np.zeros((1, 64, 64, 3), np.uint8)
        engine = self.make(bundle)
        with pytest.raises(EngineError, match="not active"):
            submit(engine, tile)
        engine.activate()
        with pytest.raises(EngineError, match="active already"):
            engine.activate()
        engine.close()
        engine.close()
        with pytest.raises(EngineError, match="not active"):
            submit(engine, tile)

    def test_closing_ends_a_wait_for_a_batch(self, bundle: Bundle) -> None:
        engine = self.make(bundle, slots=2)
        engine.activate()
        tickets = [submit(engine, np.zeros((8, 64, 64, 3), np.uint8)) for _ in range(2)]
        engine.close()
        for ticket in tickets:
            with suppress(EngineError):
                engine.collect(ticket, 10)

    def test_wrong_golden_scores_keep_it_from_activating(self, bundle: Bundle) -> None:
        golden = replace(bundle.golden, score=bundle.golden.score * np.float32(1.01))
        engine = self.make(replace(bundle, golden=golden))
        with pytest.raises(GoldenError, match="golden tiles differ"):
            engine.activate()
        with pytest.raises(EngineError, match="not active"):
            submit(engine, np.zeros((1, 64, 64, 3), np.uint8))

    def test_nan_is_an_error_never_a_score(self, bundle: Bundle) -> None:
        with self.make(bundle) as engine:
            engine.update_centroids(bundle.centroids * np.float32(np.nan))
            with pytest.raises(NotFiniteError):
                engine.infer(np.zeros((1, 64, 64, 3), np.uint8))
            engine.update_centroids(bundle.centroids)
            engine.infer(np.zeros((1, 64, 64, 3), np.uint8))

    def test_threads_may_share_it(self, bundle: Bundle) -> None:
        batches = [np.stack([surface_picture(seed, 64, 64)]) for seed in range(4)]
        with self.make(bundle, slots=4) as engine:
            expected = [engine.infer(batch).score for batch in batches]
            wrong: list[int] = []

            def work(index: int) -> None:
                wrong.extend(
                    index for _ in range(50) if not np.array_equal(engine.infer(batches[index]).score, expected[index])
                )

            threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert wrong == []

    def test_a_graph_whose_maps_are_not_those_of_the_manifest_is_refused(self, bundle: Bundle) -> None:
        coarser = bundle.manifest.tile.model_copy(update={"cell": 16})
        manifest = bundle.manifest.model_copy(update={"tile": coarser})
        engine = self.make(replace(bundle, manifest=manifest))
        with pytest.raises(GoldenError, match="maps of 8×8 cells, its manifest says 4×4"):
            engine.activate()

    def test_an_engine_that_could_not_be_activated_takes_nothing(self, bundle: Bundle) -> None:
        engine = self.make(replace(bundle, centroids=bundle.centroids * np.float32(np.nan)))
        with pytest.raises(NotFiniteError):
            engine.activate()
        with pytest.raises(EngineError, match="not active"):
            submit(engine, np.zeros((1, 64, 64, 3), np.uint8))
