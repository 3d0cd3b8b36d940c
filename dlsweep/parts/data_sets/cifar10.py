"""CIFAR-10: 60,000 small photographs (Krizhevsky, 2009), in their binary version.

The version for Python is pickled, and nothing pickled is loaded here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dlsweep.parts.data_sets._published import PublishedSet

if TYPE_CHECKING:
    from dlsweep.parts.data_sets._raw import Raw
    from dlsweep.parts.data_sets._sources import Source


def _sources() -> Iterator[Source]:
    from dlsweep.parts.data_sets._sources import Mirror

    yield Mirror("https://www.cs.toronto.edu/~kriz/", suffix="")


def _read(contents: Mapping[str, bytes]) -> Raw:
    from dlsweep.parts.data_sets._formats import read_cifar

    batches = [f"data_batch_{i}.bin" for i in range(1, 6)]
    return read_cifar(contents["cifar-10-binary.tar.gz"], batches, "test_batch.bin", 1)


DATA_SET = PublishedSet(
    name="cifar10",
    meaning="60,000 photographs of ten kinds in colour, 32×32",
    image_shape=(3, 32, 32),
    train=(5_000,) * 10,
    test=(1_000,) * 10,
    classes=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    files={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
    sources=_sources,
    read=_read,
)
