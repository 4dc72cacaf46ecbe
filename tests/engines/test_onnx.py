from __future__ import annotations

from dataclasses import replace

import pytest

from engines.base import Engine
from engines.bundle import Bundle
from engines.errors import EngineError
from engines.onnx import OnnxEngine
from tests.engines.contract import EngineContract


class TestOnnxEngine(EngineContract):
    def make(self, bundle: Bundle, *, max_batch: int = 8, slots: int = 2) -> Engine:
        return OnnxEngine(bundle, threads=1, max_batch=max_batch, slots=slots)


def test_a_graph_that_is_none_is_refused(bundle: Bundle) -> None:
    with pytest.raises(EngineError, match=r"ONNX Runtime refuses .*model\.onnx"):
        OnnxEngine(replace(bundle, model=b"no graph")).activate()
