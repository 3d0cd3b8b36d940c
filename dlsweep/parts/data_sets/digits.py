"""scikit-learn's digits: 1,797 images of 8×8.

They have no test split, so that it is a stratified fifth, drawn with a fixed seed: 1,437 images to
train on (the validation split included), 360 to test on, the same for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dlsweep.parts.data_sets._published import PublishedSet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dlsweep.parts.data_sets._raw import Raw


def _read(_: Mapping[str, bytes]) -> Raw:
    from dlsweep.parts.data_sets._raw import Raw

    images, labels = _digits()
    return Raw(images, labels, images[:0], labels[:0])


def _digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images (N, 1, 8, 8) and labels (N,) from scikit-learn's own file, a line for each image.

    Importing scikit-learn for it takes seconds, in every process that trains.
    """
    from importlib.util import find_spec
    from pathlib import Path

    import numpy as np

    found = find_spec("sklearn")
    for folder in found.submodule_search_locations or () if found else ():
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            table = np.loadtxt(file, np.uint8, delimiter=",")
            return table[:, :-1].reshape(-1, 1, 8, 8), table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits  # which knows where it is now

    digits = load_digits()
    return digits.images.astype(np.uint8)[:, None], digits.target


DATA_SET = PublishedSet(
    name="digits",
    meaning="scikit-learn's 1,797 handwritten digits, 8×8",
    also=("sklearn_digits",),
    image_shape=(1, 8, 8),
    train=(142, 146, 142, 146, 145, 145, 145, 143, 139, 144),
    test=(36, 36, 35, 37, 36, 37, 36, 36, 35, 36),
    pixel_max=16,
    classes=tuple("0123456789"),
    files={},
    sources=tuple,
    read=_read,
)
