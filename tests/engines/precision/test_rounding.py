"""Every layer on the CPU gives what it gives in float32 from rounded inputs, rounded once: nothing else is proof."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from engines.bundle import open_bundle
from engines.precision.graph import prepare
from engines.precision.half import to_half
from engines.precision.rounding import round_everywhere
from tools.demo.bundle import shipped_bundle

Values = dict[str, NDArray[Any]]


def run(model: onnx.ModelProto, feed: Values) -> Values:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def alone(node: NodeProto, model: onnx.ModelProto, values: Values) -> NDArray[Any]:
    """A node in float32, from rounded inputs, its result rounded."""
    given = {name: values[name] for name in node.input if name}
    feed = {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in given.items()}
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in feed.items()
    ]
    output = helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "alone", inputs, [output])
    single = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return run(single, feed)[node.output[0]].astype(np.float16)


def test_each_layer_rounds_once_and_only_once() -> None:
    bundle = open_bundle(shipped_bundle())
    model = onnx.shape_inference.infer_shapes(
        onnx.load_from_string(round_everywhere(to_half(prepare(bundle.model))).model)
    )
    half = [value for value in model.graph.value_info if value.type.tensor_type.elem_type == TensorProto.FLOAT16]
    kept = [value for value in half if not value.name.endswith("/raw")]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    values = run(model, {"tiles": bundle.golden.tiles[:1], "centroids": bundle.centroids})
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    checked = 0
    for node in model.graph.node:
        name = node.output[0].removesuffix("/raw")
        if name in values and node.op_type in {"Conv", "Clip", "Add", "Relu"}:
            np.testing.assert_array_equal(values[name], alone(node, model, values | weights), err_msg=node.name)
            checked += 1
    assert checked >= 90
