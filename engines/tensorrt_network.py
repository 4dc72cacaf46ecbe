"""From an ONNX graph to TensorRT's network, and what must hold of it before hours are spent on building it.

`package` is `tensorrt` (10 or 11) or `tensorrt_rtx`, see `engines.tensorrt_plan.load_package`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engines.bundle import Bundle
from engines.errors import BuildError
from engines.plan import CENTROIDS, interface
from engines.tensorrt_log import TensorRTLog


@dataclass(frozen=True)
class Layer:
    """Of the network, before TensorRT makes one kernel of several."""

    name: str
    kind: str
    type: str
    """Of its first output, as `HALF`."""
    shape: tuple[int, ...]
    """Of its first output; -1 where it depends on the batch."""

    def as_json(self) -> Mapping[str, Any]:
        """For reports."""
        return {"name": self.name, "kind": self.kind, "type": self.type, "shape": list(self.shape)}


@dataclass(frozen=True)
class Network:
    """A parsed graph. It lives as long as its builder and parser do, so they stay with it."""

    builder: Any
    definition: Any
    parser: Any
    log: TensorRTLog


def parse(package: Any, model: bytes) -> Network:
    """Parse a graph into a network whose types are the graph's own.

    Raises:
        BuildError: TensorRT does not take it; the message names each node and why.
    """
    log = TensorRTLog(package)
    builder = package.Builder(log.logger)
    # TensorRT 11 knows no other kind of network and ignores the flag.
    typed = 1 << int(package.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    definition = builder.create_network(typed)
    parser = package.OnnxParser(definition, log.logger)
    if not parser.parse(model):
        problems = [_problem(parser.get_error(index)) for index in range(parser.num_errors)]
        raise BuildError(f"{package.__name__} {package.__version__} does not take the graph: {'; '.join(problems)}")
    return Network(builder, definition, parser, log)


def check_interface(network: Network, bundle: Bundle) -> None:
    """Hold the network's inputs and outputs against what the engine feeds and reads.

    Raises:
        BuildError: a name, a type, a shape or an axis that is to be dynamic differs.
    """
    wanted = interface(bundle)
    found = {tensor.name: (tensor.dtype.name, tuple(tensor.shape)) for tensor in _tensors(network.definition)}
    if set(found) != set(wanted):
        raise BuildError(f"the network's inputs and outputs are {sorted(found)}; wanted {sorted(wanted)}")
    for name, (kind, shape) in wanted.items():
        # Centroids may be any number in the graph; the profile settles how many.
        alike = len(found[name][1]) == len(shape) and all(
            a == b or (name == CENTROIDS and a == -1) for a, b in zip(found[name][1], shape, strict=True)
        )
        if found[name][0] != kind or not alike:
            raise BuildError(f"the network's {name} is {found[name][0]} {found[name][1]}; wanted {kind} {shape}")


def layers(network: Network) -> list[Layer]:
    """Every layer of the network, in order."""
    definition = network.definition
    return [_layer(definition.get_layer(index)) for index in range(definition.num_layers)]


def _layer(layer: Any) -> Layer:
    output = layer.get_output(0)
    return Layer(layer.name, layer.type.name, output.dtype.name, tuple(output.shape))


def _tensors(definition: Any) -> list[Any]:
    return [definition.get_input(index) for index in range(definition.num_inputs)] + [
        definition.get_output(index) for index in range(definition.num_outputs)
    ]


def _problem(error: Any) -> str:
    where = f"node {error.node_name() or error.node()} ({error.node_operator() or 'graph'})"
    return f"{where}: {error.desc().strip().splitlines()[0]}"
