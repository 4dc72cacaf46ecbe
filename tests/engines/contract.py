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

from engines.base import Engine
from engines.bundle import Bundle
from engines.errors import EngineBusyError, EngineError, GoldenError, NotFiniteError
from tests.bundles import expected_distance, surface_picture


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
            tickets = [engine.submit(batch) for batch in batches]
            for index in (2, 0, 1):
                np.testing.assert_array_equal(engine.collect(tickets[index], 10).score, expected[index])

    def test_more_batches_than_slots_are_refused(self, bundle: Bundle) -> None:
        tile = np.zeros((1, 64, 64, 3), np.uint8)
        with self.make(bundle, slots=2) as engine:
            tickets = [engine.submit(tile), engine.submit(tile)]
            with pytest.raises(EngineBusyError, match="2 batches are in flight"):
                engine.submit(tile)
            for ticket in tickets:
                engine.collect(ticket, 10)
            engine.infer(tile)

    def test_a_result_is_collected_once(self, bundle: Bundle) -> None:
        with self.make(bundle) as engine:
            ticket = engine.submit(np.zeros((1, 64, 64, 3), np.uint8))
            engine.collect(ticket, 10)
            with pytest.raises(EngineError, match="names no batch in flight"):
                engine.collect(ticket, 10)

    @pytest.mark.parametrize(
        "tiles",
        [
            np.zeros((0, 64, 64, 3), np.uint8),
            np.zeros((9, 64, 64, 3), np.uint8),
            np.zeros((1, 32, 64, 3), np.uint8),
            np.zeros((1, 64, 64, 3), np.float32),
        ],
        ids=["none", "too many", "another size", "another type"],
    )
    def test_a_batch_of_another_shape_is_refused(self, bundle: Bundle, tiles: NDArray[Any]) -> None:
        with self.make(bundle) as engine, pytest.raises(EngineError, match="wanted uint8"):
            engine.submit(tiles)

    def test_its_life_is_guarded(self, bundle: Bundle) -> None:
        tile = np.zeros((1, 64, 64, 3), np.uint8)
        engine = self.make(bundle)
        with pytest.raises(EngineError, match="not active"):
            engine.submit(tile)
        engine.activate()
        with pytest.raises(EngineError, match="active already"):
            engine.activate()
        engine.close()
        engine.close()
        with pytest.raises(EngineError, match="not active"):
            engine.submit(tile)

    def test_closing_ends_a_wait_for_a_batch(self, bundle: Bundle) -> None:
        engine = self.make(bundle, slots=2)
        engine.activate()
        tickets = [engine.submit(np.zeros((8, 64, 64, 3), np.uint8)) for _ in range(2)]
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
            engine.submit(np.zeros((1, 64, 64, 3), np.uint8))

    def test_nan_is_an_error_never_a_score(self, bundle: Bundle) -> None:
        rotten = bundle.centroids.copy()
        with self.make(replace(bundle, centroids=rotten)) as engine:
            rotten[:] = np.nan
            with pytest.raises(NotFiniteError):
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
            engine.submit(np.zeros((1, 64, 64, 3), np.uint8))
