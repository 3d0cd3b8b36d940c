"""Small data sets and sources for the tests of dlsweep.data."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from dlsweep.parts import PublishedSet
from dlsweep.parts.data_sets._formats import read_mnist
from dlsweep.parts.data_sets._sources import Source, SourceError

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array: np.ndarray) -> bytes:
    """An IDX file, written after the format's description rather than with the code under test."""
    assert array.dtype == np.uint8
    header = struct.pack(">HBB", 0, 8, array.ndim)
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def numbered(labels: Sequence[int], first: int = 0) -> np.ndarray:
    """Images of 4 by 5 that tell their own number in two pixels, their label in a third.

    Each also has a pixel of 0 and one of 255.
    """
    images = np.zeros((len(labels), 4, 5), np.uint8)
    numbers = first + np.arange(len(labels))
    images[:, 0, 0], images[:, 0, 1] = numbers // 256, numbers % 256
    images[:, 1, 0] = labels
    images[:, 3, 4] = 255
    return images


def toy(per_class: Sequence[int] = (50, 30, 20), test: int = 30) -> dict[str, bytes]:
    """The four files of a data set with so many training images of each class, in mixed order."""
    labels = np.repeat(np.arange(len(per_class)), per_class).astype(np.uint8)
    labels = np.random.default_rng(7).permutation(labels)
    test_labels = (np.arange(test) % len(per_class)).astype(np.uint8)
    contents = (numbered(labels), labels, numbered(test_labels, len(labels)), test_labels)
    return dict(zip(FILES, map(idx, contents), strict=True))


def describe(contents: Mapping[str, bytes], *sources: Source, classes: int = 3) -> PublishedSet:
    return PublishedSet(
        name="toy",
        meaning="a toy",
        classes=tuple("abcdefghij"[:classes]),
        files={name: hashlib.md5(content).hexdigest() for name, content in contents.items()},
        sources=lambda: sources,
        read=read_mnist,
    )


class Given:
    """A source that hands over what it was given, then fails where it was told to."""

    def __init__(
        self, contents: Mapping[str, bytes], name: str = "given", fails: str | None = None
    ) -> None:
        self.contents = contents
        self.name = name
        self.fails = fails
        self.asked: list[list[str]] = []

    def files(self, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        self.asked.append(list(wanted))
        for name in wanted:
            if name in self.contents:
                yield name, self.contents[name]
        if self.fails:
            raise SourceError(self.fails)


def program(folder: Path, name: str, script: str) -> None:
    """Put a shell script into a folder of PATH, under the name of a real program."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
