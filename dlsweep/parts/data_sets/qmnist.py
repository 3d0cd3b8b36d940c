"""QMNIST: MNIST's digits, with all 60,000 of the test images (Yadav and Bottou, 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dlsweep.parts.data_sets._published import PublishedSet

if TYPE_CHECKING:
    from dlsweep.parts.data_sets._raw import Raw
    from dlsweep.parts.data_sets._sources import Source


def _sources() -> Iterator[Source]:
    from dlsweep.parts.data_sets._sources import Mirror

    yield Mirror("https://raw.githubusercontent.com/facebookresearch/qmnist/master/", suffix="")


def _read(contents: Mapping[str, bytes]) -> Raw:
    from dlsweep.parts.data_sets._formats import read_idx
    from dlsweep.parts.data_sets._raw import Raw

    arrays = {name: read_idx(content, name) for name, content in contents.items()}
    # Of the eight numbers of a label the first is the digit; the others say who wrote it.
    return Raw(
        train_images=arrays["qmnist-train-images-idx3-ubyte.gz"][:, None],
        train_labels=arrays["qmnist-train-labels-idx2-int.gz"][:, 0],
        test_images=arrays["qmnist-test-images-idx3-ubyte.gz"][:, None],
        test_labels=arrays["qmnist-test-labels-idx2-int.gz"][:, 0],
    )


DATA_SET = PublishedSet(
    name="qmnist",
    meaning="MNIST with all of its 60,000 test images, 28×28",
    image_shape=(1, 28, 28),
    train=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    test=60_000,
    classes=tuple("0123456789"),
    files={
        "qmnist-train-images-idx3-ubyte.gz": "ed72d4157d28c017586c42bc6afe6370",
        "qmnist-train-labels-idx2-int.gz": "0058f8dd561b90ffdd0f734c6a30e5e4",
        "qmnist-test-images-idx3-ubyte.gz": "1394631089c404de565df7b7aeaf9412",
        "qmnist-test-labels-idx2-int.gz": "5b5b05890a5e13444e108efe57b788aa",
    },
    sources=_sources,
    read=_read,
)
