from __future__ import annotations

import numpy as np
import pytest

from dlsweep.parts.data_sets._idx import IdxError, parse_idx
from tests.data.fakes import idx


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5), (2, 3, 4, 5), (0,), (300, 2)])
def test_reads_what_was_written(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    found = parse_idx(idx(array))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


WHOLE = idx(np.zeros((3, 4, 5), np.uint8))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no IDX header: the file starts with nothing"),
        (b"\x1f\x8b\x08\x00 gzip", "no IDX header: the file starts with 1f 8b 08 00"),
        (b"\0\0\x08\0", "no IDX header"),
        (b"\0\0\x0a" + WHOLE[3:], "elements of type 0x0a, which the format does not have"),
        (WHOLE[:10], "the header of 3 dimensions is cut off"),
        (WHOLE[:-1], r"59 bytes of data, expected 60 for shape \(3, 4, 5\)"),
        (WHOLE + b"\0", "61 bytes of data, expected 60"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "expected 79228162458924105385300197375"),
    ],
)
def test_refuses_anything_else(content: bytes, message: str) -> None:
    with pytest.raises(IdxError, match=message):
        parse_idx(content)


def test_numbers_of_several_bytes_are_big_endian() -> None:
    content = b"\0\0\x0c\x02" + b"\0\0\0\x02\0\0\0\x01" + b"\0\0\1\0" + b"\xff\xff\xff\xff"
    assert parse_idx(content).tolist() == [[256], [-1]]
