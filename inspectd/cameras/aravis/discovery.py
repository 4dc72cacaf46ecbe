"""Which GigE Vision and USB3 Vision cameras there are, and which one a source means."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from inspectd.cameras.aravis.binding import aravis
from inspectd.errors import CameraError


@dataclass(frozen=True)
class FoundCamera:
    """A camera that answered."""

    id: str
    """Aravis' own name for it."""
    vendor: str
    model: str
    serial: str
    address: str
    """IP address, or place on the USB bus."""
    physical_id: str
    """MAC address, or USB3 Vision's GUID."""
    protocol: str
    """`GigEVision` or `USB3Vision`."""

    @property
    def source(self) -> str:
        """How a configuration names it."""
        return f"aravis:{self.serial or self.address}"

    def __str__(self) -> str:
        return f"{self.source} ({self.vendor} {self.model}, {self.protocol}, {self.address})"


def discover() -> tuple[FoundCamera, ...]:
    """Ask all networks and the USB bus; takes about a second.

    Raises:
        CameraError: Aravis is not installed.
    """
    library = aravis()
    library.update_device_list()
    return tuple(
        FoundCamera(
            id=library.get_device_id(index) or "",
            vendor=library.get_device_vendor(index) or "",
            model=library.get_device_model(index) or "",
            serial=library.get_device_serial_nbr(index) or "",
            address=library.get_device_address(index) or "",
            physical_id=library.get_device_physical_id(index) or "",
            protocol=library.get_device_protocol(index) or "",
        )
        for index in range(library.get_n_devices())
    )


def is_address(target: str) -> bool:
    """Whether a target is an IP address, at which a camera can be spoken to without being found first."""
    try:
        ipaddress.ip_address(target)
    except ValueError:
        return False
    return True


def choose(target: str, found: Sequence[FoundCamera]) -> FoundCamera:
    """The camera that `target` names by serial number, address, id or physical id; empty, the only one there is.

    Raises:
        CameraError: none or several; the message lists those found.
    """
    wanted = target.casefold()
    matching = [
        camera
        for camera in found
        if not target
        or wanted in {name.casefold() for name in (camera.serial, camera.address, camera.id, camera.physical_id)}
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise CameraError(f"several cameras are meant; set 'source' to one of: {listed(matching)}")
    missing = f"no camera with serial number or address '{target}' answers" if target else "no camera answers"
    raise CameraError(f"{missing}; check its power, cable and network, or set 'source'. Cameras here: {listed(found)}")


def listed(cameras: Sequence[FoundCamera]) -> str:
    """Cameras in a line of words."""
    return ", ".join(map(str, cameras)) or "none"
