"""What people write today: each peer trains one run, one epoch at a time.

A peer is a function of a configuration, the data set and a number of epochs; it returns the seconds
of each epoch. It is written the way people write it, not the way that would be fastest.
"""

from collections.abc import Callable

from benchmarks.peers.dataloader import dataloader_script
from benchmarks.peers.in_memory import in_memory_loop
from benchmarks.peers.scikit_learn import mlp_classifier
from dlsweep.config import RunConfig
from dlsweep.data import Dataset

PEERS: dict[str, Callable[[RunConfig, Dataset, int], list[float]]] = {
    "DataLoader script": dataloader_script,
    "in-memory loop, fused Adam": in_memory_loop,
    "scikit-learn MLPClassifier": mlp_classifier,
}
