"""The IDX format of MNIST and Fashion-MNIST: a magic number, the dimensions, then the bytes.

Source: "The IDX file format", at the end of the MNIST page of LeCun, Cortes and Burges.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class IdxError(ValueError):
    """A content that is not a whole IDX file; the text says what is wrong."""


def parse_idx(content: bytes) -> npt.NDArray[Any]:
    """The array held by an uncompressed IDX file.

    Args:
        content: the whole file. Bytes 0 and 1 are zero, byte 2 is the element type (0x08 for
            unsigned bytes), byte 3 the number of dimensions d >= 1; then d big-endian 32-bit
            sizes; then the elements in C order, big-endian.

    Returns:
        A read-only view of ``content`` of the shape that the header gives: uint8 of (N, 28, 28)
        for MNIST's images, of (N,) for its labels.

    Raises:
        IdxError: another magic number or element type, or a length that is not the header's.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[3] == 0:
        raise IdxError(f"no IDX header: the file starts with {content[:4].hex(' ') or 'nothing'}")
    if content[2] not in _TYPES:
        raise IdxError(f"elements of type 0x{content[2]:02x}, which the format does not have")
    element = np.dtype(_TYPES[content[2]])
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise IdxError(f"the header of {dimensions} dimensions is cut off")
    shape = tuple(np.frombuffer(content, dtype=">u4", count=dimensions, offset=4).tolist())
    expected = math.prod(shape) * element.itemsize
    if len(content) - start != expected:
        raise IdxError(
            f"{len(content) - start} bytes of data, expected {expected} for shape {shape}"
        )
    return np.frombuffer(content, dtype=element, offset=start).reshape(shape)
