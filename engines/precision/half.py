"""From a float32 graph to one whose convolutions run in half precision, each type written into the graph.

What goes before them (casting, normalising, enlarging pixels) and what comes behind the last ones (averaging the
projection, distance, score) stays float32, as do reductions in between, such as those of squeeze-and-excitation. So
does the entry, up to the first depthwise convolution: a few hundredths of the work, and where most of the error of
scores arose, since what tells one place of a surface from another is least there beside what is rounded. The two ends
are found by walking the graph from its inputs and outputs, never by the names of nodes. The part between is converted
by ONNX Runtime's converter, see docs/decisions/018-half-precision-graph.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx
from onnx import compose
from onnx.utils import Extractor
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from engines.errors import BuildError
from engines.plan import CENTROIDS, DISTANCE, SCORE, TILES
from engines.precision.backbone import is_depthwise, leading

KEPT_WIDE = (
    "GlobalAveragePool",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSumExp",
    "ReduceMean",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
)
"""Operators that sum many values, which half precision may not hold; kept in float32 wherever they stand."""
_PREFIX = "half/"


@dataclass(frozen=True)
class _Borders:
    """Where half precision begins and ends: values of the graph, in its order."""

    into: list[str]
    out: list[str]


def to_half(prepared: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with inputs and outputs of the same types, and half precision from behind the first depthwise
    convolution, or from the first one where none is depthwise, to the last. A graph without convolutions comes back as
    it is.

    Args:
        prepared: of `graph.prepare`.

    Raises:
        BuildError: its distance does not lie behind its convolutions.
    """
    borders = _find_borders(prepared.graph)
    if not borders.out:
        return prepared
    extractor = Extractor(prepared)
    before = extractor.extract_model([TILES], borders.into)
    between = extractor.extract_model(borders.into, borders.out)
    behind = extractor.extract_model([*borders.out, CENTROIDS], [DISTANCE, SCORE])
    whole = _join(_join(before, _convert(between), borders.into, _PREFIX), behind, borders.out, "wide/")
    whole.graph.name = prepared.graph.name
    whole.graph.doc_string = ""
    onnx.checker.check_model(whole, full_check=True)
    return onnx.shape_inference.infer_shapes(whole)


def _find_borders(graph: onnx.GraphProto) -> _Borders:
    before, behind = _made_before(graph), _made_behind(graph)
    between = [node for node in graph.node if node.output[0] not in before | behind]
    made_between = {value for node in between for value in node.output}
    taken_behind = [value for node in graph.node if node.output[0] in behind for value in node.input]
    taken_between = [value for node in between for value in node.input]
    if between and (CENTROIDS in taken_between or not before.isdisjoint(taken_behind)):
        raise BuildError("the bundle's graph mixes pixels and distances on both sides of its convolutions; build fp32")
    return _Borders(
        into=_in_order(value for value in taken_between if value in before),
        out=_in_order(value for value in taken_behind if value in made_between),
    )


def _made_before(graph: onnx.GraphProto) -> set[str]:
    """Values made of pixels without any convolution but those of the entry."""
    entry = _entry(graph)
    made, beyond = {TILES}, set[str]()
    for node in graph.node:
        goes_on = node.op_type != "Conv" or node.output[0] in entry
        if goes_on and beyond.isdisjoint(node.input) and not made.isdisjoint(node.input):
            made |= set(node.output)
        elif not (made | beyond).isdisjoint(node.input):
            beyond |= set(node.output)
    return made


def _entry(graph: onnx.GraphProto) -> set[str]:
    """The first depthwise convolution's output, and all that it is made of; empty where there is none."""
    first = next((node.output[0] for node in graph.node if is_depthwise(node)), None)
    return set() if first is None else leading(graph.node, {first})


def _made_behind(graph: onnx.GraphProto) -> set[str]:
    """Values from which distance and score are made without any further convolution, and these two."""
    made: set[str] = set()
    wanted = {DISTANCE, SCORE}
    for node in reversed(graph.node):
        if node.op_type != "Conv" and not wanted.isdisjoint(node.output):
            made |= set(node.output)
            wanted |= set(node.input)
    return made


def _convert(between: onnx.ModelProto) -> onnx.ModelProto:
    """Casts at its borders and around what is kept wide are the converter's."""
    half: onnx.ModelProto = convert_float_to_float16(between, keep_io_types=True, op_block_list=KEPT_WIDE)
    OnnxModel.graph_topological_sort(half.graph)  # the converter puts its Casts at the end
    return half


def _join(first: onnx.ModelProto, second: onnx.ModelProto, values: list[str], prefix: str) -> onnx.ModelProto:
    """One graph of two, by the values that lead from the first to the second. What both have, such as constants, they
    keep apart under names of their own."""
    for part in (first, second):
        del part.graph.value_info[:]  # names borders as well, which joining would then rename
    second = compose.add_prefix(second, prefix, rename_inputs=False, rename_outputs=False)
    return compose.merge_models(first, second, [(value, value) for value in values])


def _in_order(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
