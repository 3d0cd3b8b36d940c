"""Fashion-MNIST: 70,000 images of clothes (Xiao, Rasul and Vollgraf, 2017)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dlsweep.parts.data_sets._formats import read_mnist
from dlsweep.parts.data_sets._published import PublishedSet

if TYPE_CHECKING:
    from dlsweep.parts.data_sets._sources import Source


def _sources() -> Iterator[Source]:
    from dlsweep.parts.data_sets._sources import DebianPackage, Folder, torchvision_mirrors

    folder = "usr/share/datasets/fashion-mnist"
    yield Folder(Path("/") / folder, f"the installed Debian package in /{folder}")
    yield from torchvision_mirrors("FashionMNIST")
    yield DebianPackage("dataset-fashion-mnist", folder)


DATA_SET = PublishedSet(
    name="fashion_mnist",
    meaning="70,000 images of clothes, 28×28",
    also=("fashion", "fmnist"),
    image_shape=(1, 28, 28),
    train=(6_000,) * 10,
    test=(1_000,) * 10,
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    files={
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
    sources=_sources,
    read=read_mnist,
)
