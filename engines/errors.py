"""What can go wrong with a bundle or an engine.

EnginesError
├── BundleError            a bundle was refused; the message names the file and what is wrong with it
│   └── SchemaError        it was written for another schema version
├── BuildError             a built engine is missing, damaged or for another PC; or a graph that cannot be built
├── TileError              a frame or a tile geometry that cannot be cut
└── EngineError            a runtime failed
    ├── GoldenError        it does not reproduce the bundle's golden tiles
    ├── EngineBusyError    every slot is in flight; collect a result first
    ├── EngineTimeoutError a result did not come before its deadline
    ├── NotFiniteError     it returned NaN or infinity
    └── DeviceError        the GPU or its driver failed
        ├── DeviceLostError     it is gone or its context is broken; only a new process can use it again
        ├── DeviceMemoryError   it has no memory left for what was asked
        └── CaptureRefusedError a CUDA graph could not be captured; the same work can be run without one
"""


class EnginesError(Exception):
    """Anything this package raises on purpose."""


class BundleError(EnginesError):
    """A bundle was refused."""


class SchemaError(BundleError):
    """The bundle was written for a schema version that this release does not read."""


class BuildError(EnginesError):
    """A built engine is missing, damaged or for another PC; or a graph cannot be built."""


class TileError(EnginesError):
    """A frame or a tile geometry that cannot be cut."""


class EngineError(EnginesError):
    """A runtime failed."""


class GoldenError(EngineError):
    """The engine does not reproduce the bundle's golden tiles."""


class EngineBusyError(EngineError):
    """Every slot is in flight; collect a result first."""


class EngineTimeoutError(EngineError):
    """A result did not come before its deadline."""


class NotFiniteError(EngineError):
    """The engine returned NaN or infinity."""


class DeviceError(EngineError):
    """The GPU or its driver failed."""


class DeviceLostError(DeviceError):
    """The GPU is gone or its context is broken; only a new process can use it again."""


class DeviceMemoryError(DeviceError):
    """The GPU has no memory left for what was asked."""


class CaptureRefusedError(DeviceError):
    """A CUDA graph could not be captured; the same work can be run without one."""
