"""The IDX format of MNIST and Fashion-MNIST: a magic number, the dimensions, then the bytes.

Source: "The IDX file format", at the end of the MNIST page of LeCun, Cortes and Burges.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_UNSIGNED_BYTE = 0x08


class IdxError(ValueError):
    """A content that is not a whole IDX file of unsigned bytes; the text says what is wrong."""


def parse_idx(content: bytes) -> npt.NDArray[np.uint8]:
    """The array held by an uncompressed IDX file of unsigned bytes.

    Args:
        content: the whole file. Bytes 0 and 1 are zero, byte 2 is the element type (0x08), byte 3
            the number of dimensions d >= 1; then d big-endian 32-bit sizes; then the elements in
            C order.

    Returns:
        A read-only view of ``content``, uint8, of the shape that the header gives: (N, 28, 28)
        for MNIST's images, (N,) for its labels.

    Raises:
        IdxError: another magic number or element type, or a length that is not the header's.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[3] == 0:
        raise IdxError(f"no IDX header: the file starts with {content[:4].hex(' ') or 'nothing'}")
    if content[2] != _UNSIGNED_BYTE:
        raise IdxError(f"elements of type 0x{content[2]:02x}, expected unsigned bytes (0x08)")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise IdxError(f"the header of {dimensions} dimensions is cut off")
    shape = tuple(np.frombuffer(content, dtype=">u4", count=dimensions, offset=4).tolist())
    if len(content) - start != math.prod(shape):
        raise IdxError(
            f"{len(content) - start} bytes of data, expected {math.prod(shape)} for shape {shape}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
