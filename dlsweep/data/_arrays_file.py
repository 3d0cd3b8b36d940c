"""Arrays by name in one file, with a checksum: nothing in it is executed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dlsweep.data._cache import Damaged

_DIGEST = hashlib.sha256().digest_size


def written(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The content of a file: an uncompressed ``.npz``, then its SHA-256."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    file.write(hashlib.sha256(file.getbuffer()).digest())
    return file.getvalue()


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file that ``written`` gave the content of.

    Raises:
        OSError: it cannot be read.
        Damaged: it is not whole.
    """
    content = path.read_bytes()
    body = memoryview(content)[:-_DIGEST]
    if hashlib.sha256(body).digest() != content[-_DIGEST:]:
        raise Damaged("its checksum is another one")
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
