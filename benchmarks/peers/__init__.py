"""What people write today: each peer trains one run, one epoch at a time.

A peer is a function of a configuration, the data set and a number of epochs; it returns the seconds
of each epoch. It is written the way people write it, not the way that would be fastest. What a peer
needs is imported when it is called: where it is not installed, an ImportError says so. The JAX peer
(``jax_vmap``) trains several runs together.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.peers.in_memory import in_memory_loop
from dlsweep.config import RunConfig
from dlsweep.data import Dataset


def _dataloader(config: RunConfig, data: Dataset, epochs: int) -> list[float]:
    from benchmarks.peers.dataloader import dataloader_script

    return dataloader_script(config, data, epochs)


def _scikit_learn(config: RunConfig, data: Dataset, epochs: int) -> list[float]:
    from benchmarks.peers.scikit_learn import mlp_classifier

    return mlp_classifier(config, data, epochs)


PEERS: dict[str, Callable[[RunConfig, Dataset, int], list[float]]] = {
    "DataLoader script": _dataloader,
    "in-memory loop, fused Adam": in_memory_loop,
    "scikit-learn MLPClassifier": _scikit_learn,
}
