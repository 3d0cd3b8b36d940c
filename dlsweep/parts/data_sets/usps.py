"""USPS: 9,298 digits from envelopes (Hull, 1994), in the text format of LIBSVM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dlsweep.parts.data_sets._published import PublishedSet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dlsweep.parts.data_sets._raw import Raw
    from dlsweep.parts.data_sets._sources import Source


def _sources() -> Iterator[Source]:
    from dlsweep.parts.data_sets._sources import Mirror

    folder = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"
    yield Mirror(folder, suffix="")


def _read(contents: Mapping[str, bytes]) -> Raw:
    from dlsweep.parts.data_sets._raw import Raw

    return Raw(*_part(contents["usps.bz2"]), *_part(contents["usps.t.bz2"]))


def _part(content: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images and labels from lines such as ``7 1:-1 2:-0.5 …``: labels from 1, pixels from −1."""
    import bz2

    import numpy as np

    lines = bz2.decompress(content).decode().splitlines()
    images = np.full((len(lines), 256), -1.0)
    labels = np.empty(len(lines), np.int64)
    for row, line in enumerate(lines):
        label, *pixels = line.split()
        labels[row] = int(label) - 1
        for pixel in pixels:
            place, value = pixel.split(":")
            images[row, int(place) - 1] = float(value)
    pixels_8_bit = ((images + 1) / 2 * 255).astype(np.uint8)  # as torchvision has them
    return pixels_8_bit.reshape(-1, 1, 16, 16), labels


DATA_SET = PublishedSet(
    name="usps",
    meaning="9,298 digits from envelopes, 16×16",
    image_shape=(1, 16, 16),
    train=(1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644),
    test=(359, 264, 198, 166, 200, 160, 170, 147, 166, 177),
    classes=tuple("0123456789"),
    files={
        "usps.bz2": "ec16c51db3855ca6c91edd34d0e9b197",
        "usps.t.bz2": "8ea070ee2aca1ac39742fdd1ef5ed118",
    },
    sources=_sources,
    read=_read,
)
