"""Removing a bundle from a registry, and the way back to it with it."""

from __future__ import annotations

from inspectd.errors import RegistryError
from inspectd.models.registry import Registry


def delete(registry: Registry, bundle: str) -> None:
    """Remove a bundle and the way back to it; whoever calls holds the registry.

    Raises:
        ModelRefusedError: it judges, or did before.
        RegistryError: it cannot be removed.
    """
    active = registry.active()
    if active is not None:
        left = active.without(bundle)
        doubt = registry.write_active(left) if left != active else None
        if doubt is not None:
            raise RegistryError(f"{bundle} is kept, for a way back to it may come back: {doubt}")
    registry.delete(bundle)
