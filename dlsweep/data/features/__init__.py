"""Transfer features: what a network that was trained before makes of each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily

if TYPE_CHECKING:
    from dlsweep.data.features._compute import with_features
    from dlsweep.data.features._find import facts_with_features, find_network, network_for_images
    from dlsweep.data.features._network import Extract, Network

__all__ = [
    "Extract",
    "Network",
    "facts_with_features",
    "find_network",
    "network_for_images",
    "with_features",
]

__getattr__ = lazily(__name__, __file__)
