"""The file formats of published data sets: from the contents of their files to arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlsweep.data._raw import Raw


def read_mnist(contents: Mapping[str, bytes]) -> Raw:
    """MNIST's four IDX files as arrays of one channel, images (N, 1, H, W).

    Raises:
        IdxError: a content is not a whole IDX file.
    """
    from dlsweep.data._idx import parse_idx
    from dlsweep.data._raw import Raw

    return Raw(
        train_images=parse_idx(contents["train-images-idx3-ubyte"])[:, None],
        train_labels=parse_idx(contents["train-labels-idx1-ubyte"]),
        test_images=parse_idx(contents["t10k-images-idx3-ubyte"])[:, None],
        test_labels=parse_idx(contents["t10k-labels-idx1-ubyte"]),
    )
