"""A camera's stream of buffers, which Aravis fills in memory that NumPy holds: no copy is made of a frame here."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspectd.cameras.aravis.binding import aravis, told_as_camera_error
from inspectd.errors import CameraError


class Stream:
    """Buffers of one camera, from its settings on: what changes the size of a frame is set before."""

    def __init__(self, camera: Any, buffers: int) -> None:
        """`camera` is an `Aravis.Camera`; the stream begins with `start`.

        Raises:
            CameraError: the camera refuses.
        """
        library = aravis()
        self._camera = camera
        with told_as_camera_error("the stream cannot be set up"):
            self._stream = camera.create_stream(None, None)
            size = camera.get_payload()
        if camera.is_gv_device():
            self._stream.props.socket_buffer = library.GvStreamSocketBuffer.AUTO  # room for a whole frame
        self._memory: dict[Any, NDArray[np.uint8]] = {}
        for _ in range(buffers):
            memory = np.empty(size, np.uint8)
            buffer = library.Buffer.new(size, memory.ctypes.data)
            self._memory[buffer] = memory
            self._stream.push_buffer(buffer)

    def start(self) -> None:
        """Have the camera send.

        Raises:
            CameraError: it refuses.
        """
        with told_as_camera_error("acquisition cannot be started"):
            self._camera.start_acquisition()

    def pop(self, timeout_s: float) -> Any:
        """The next `Aravis.Buffer`, whole or not, or None. The caller gives it back."""
        return self._stream.timeout_pop_buffer(round(timeout_s * 1e6))

    def memory(self, buffer: Any) -> NDArray[np.uint8]:
        """The bytes of a buffer, valid until it is given back."""
        return self._memory[buffer]

    def give_back(self, buffer: Any) -> None:
        """The buffer may be filled again."""
        self._stream.push_buffer(buffer)

    def counts(self) -> Counter[str]:
        """What Aravis counted: packets and buffers received, lost and left without a buffer."""
        names = [self._stream.get_info_name(index) for index in range(self._stream.get_n_infos())]
        return Counter({name: int(self._stream.get_info_uint64_by_name(name)) for name in names})

    def close(self, *, camera_is_there: bool) -> None:
        """End the stream before its memory goes. A camera that is lost is not waited for."""
        if camera_is_there:
            with suppress(CameraError), told_as_camera_error("acquisition cannot be stopped"):
                self._camera.stop_acquisition()
        # Aravis ends its receiving thread when the stream is dropped, and is not to be asked for it before.
        del self._stream
        self._memory.clear()
