"""Kuzushiji-MNIST: 70,000 cursive Japanese characters (Clanuwat and others, 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlsweep.parts.data_sets._formats import read_mnist
from dlsweep.parts.data_sets._published import PublishedSet

if TYPE_CHECKING:
    from dlsweep.parts.data_sets._sources import Source


def _sources() -> Iterator[Source]:
    from dlsweep.parts.data_sets._sources import torchvision_mirrors

    yield from torchvision_mirrors("KMNIST", suffix="")


DATA_SET = PublishedSet(
    name="kmnist",
    meaning="70,000 cursive Japanese characters, 28×28",
    also=("kuzushiji", "kuzushiji_mnist"),
    image_shape=(1, 28, 28),
    train=(6_000,) * 10,
    test=(1_000,) * 10,
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    files={
        "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
    },
    sources=_sources,
    read=read_mnist,
)
