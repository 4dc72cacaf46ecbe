"""What `engines.tensorrt_plan` calls exists in the package, and takes what it is given, without a GPU to run it on."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from types import ModuleType
from typing import Any

import pytest

from engines import tensorrt_plan
from engines.builds import Precision, Runtime
from engines.bundle import Bundle
from engines.cuda.driver import DeviceInfo
from engines.tensorrt_plan import gpu_fingerprint

PARAMETERS = {
    "Runtime.deserialize_cuda_engine": ["serialized_engine"],
    "ICudaEngine.create_execution_context": ["strategy"],
    "ICudaEngine.create_runtime_config": [],
    "ICudaEngine.get_tensor_dtype": ["name"],
    "ICudaEngine.get_tensor_name": ["index"],
    "ICudaEngine.get_tensor_profile_shape": ["name", "profile_index"],
    "ICudaEngine.get_tensor_shape": ["name"],
    "IExecutionContext.execute_async_v3": ["stream_handle"],
    "IExecutionContext.set_device_memory": ["memory", "size"],
    "IExecutionContext.set_input_shape": ["name", "shape"],
    "IExecutionContext.set_tensor_address": ["name", "memory"],
    "IRuntimeConfig.set_execution_context_allocation_strategy": ["strategy"],
}
"""Methods and their parameters, as TensorRT 10.13 to 11.4 and TensorRT-RTX 1.7 have them (their Python API pages)."""
PROPERTIES = {"ICudaEngine.device_memory_size_v2", "ICudaEngine.num_io_tensors"}
OF_RTX_ALONE = {"IRuntimeConfig.cuda_graph_strategy", "CudaGraphStrategy.WHOLE_GRAPH_CAPTURE"}
CONSTANTS = {
    "ExecutionContextAllocationStrategy.USER_MANAGED",
    "ILogger.ERROR",
    "ILogger.INTERNAL_ERROR",
    "DataType.FLOAT",
    "DataType.UINT8",
}
_OURS = {"load_package", "logger", "value", "__name__", "__init__", "TENSORRT_RTX"}


@pytest.fixture(scope="module")
def package() -> ModuleType:
    pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX is not installed")
    return importlib.import_module("tensorrt_rtx")


def found(package: ModuleType, name: str) -> Any:
    owner, _, member = name.partition(".")
    return getattr(getattr(package, owner), member)


@pytest.mark.parametrize("name", sorted(PROPERTIES | CONSTANTS | OF_RTX_ALONE))
def test_names_exist(package: ModuleType, name: str) -> None:
    assert found(package, name) is not None


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_methods_take_what_they_are_given(package: ModuleType, name: str) -> None:
    overloads = re.findall(
        rf"^\s*(?:\d+\. )?{name.partition('.')[2]}\(self: [^,)]+,?(.*)\) -> ", found(package, name).__doc__, re.M
    )
    taken = [re.findall(r"(?:^|, )\s*(\w+): ", parameters) for parameters in overloads]
    assert PARAMETERS[name] in taken


def test_every_name_that_is_used_is_held_against_the_package() -> None:
    """Whoever calls something new has to say above what it is."""
    known = {name.partition(".")[2] for name in (*PARAMETERS, *PROPERTIES, *OF_RTX_ALONE, *CONSTANTS)}
    known |= {name.partition(".")[0] for name in (*PARAMETERS, *OF_RTX_ALONE, *CONSTANTS)}
    receivers = {"engine", "context", "package", "configuration", "strategy"}
    used = set()
    for node in ast.walk(ast.parse(inspect.getsource(tensorrt_plan))):
        if isinstance(node, ast.Attribute):
            receiver = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if receiver.lstrip("_") in receivers | {"runtime"} or receiver in known:
                used.add(node.attr)
    assert used - known - _OURS == set()


def test_a_plan_built_ahead_of_time_is_for_a_compute_capability_alone(bundle: Bundle, package: ModuleType) -> None:
    device = DeviceInfo("A GPU", "8.6", "13.0", 1 << 33)
    fingerprint = gpu_fingerprint(bundle, Runtime.TENSORRT_RTX, Precision.FP16, device, 16)
    assert (fingerprint.device, fingerprint.driver, fingerprint.compute_capability) == ("", "", "8.6")
    assert fingerprint.runtime_version == package.__version__
    assert (fingerprint.min_batch, fingerprint.opt_batch, fingerprint.max_batch) == (1, 16, 16)
