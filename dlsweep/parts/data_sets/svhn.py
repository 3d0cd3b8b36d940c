"""SVHN: 99,289 house numbers from Street View, in colour (Netzer and others, 2011)."""

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

    yield Mirror("http://ufldl.stanford.edu/housenumbers/", suffix="")


def _read(contents: Mapping[str, bytes]) -> Raw:
    from dlsweep.parts.data_sets._raw import Raw

    return Raw(*_part(contents["train_32x32.mat"]), *_part(contents["test_32x32.mat"]))


def _part(content: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images and labels from a file of Matlab's: (H, W, C, N), and 10 for the digit 0."""
    import io

    import numpy as np
    from scipy.io import loadmat

    arrays = loadmat(io.BytesIO(content))
    images = np.ascontiguousarray(arrays["X"].transpose(3, 2, 0, 1))
    return images, arrays["y"].ravel().astype(np.int64) % 10


DATA_SET = PublishedSet(
    name="svhn",
    meaning="99,289 house numbers in colour, 32×32",
    also=("street_view_house_numbers",),
    image_shape=(3, 32, 32),
    train=(4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
    test=(1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
    classes=tuple("0123456789"),
    files={
        "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    },
    sources=_sources,
    read=_read,
)
