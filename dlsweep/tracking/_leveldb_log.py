"""LevelDB's log format as wandb's transaction logs have it: read while it grows, and written.

Seven bytes of header, then blocks of 32 KiB with chunks of ``crc: uint32, length: uint16,
kind: uint8, data``, of which one or more make a record
(https://github.com/google/leveldb/blob/main/doc/log_format.md). The checksum is zlib's CRC-32 of
the kind and the data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

_BLOCK = 32 * 1024
_FILE_HEADER = 7
_CHUNK = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class LogReader:
    """Reads the records of a log that another process may be writing.

    Args:
        path: the file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = _FILE_HEADER
        self._begun: bytearray | None = None  # a record whose last chunk is not there yet

    def records(self) -> Iterator[bytes]:
        """The records that have become complete since the last call.

        An incomplete end is left for the next call. What is damaged is left out, up to the end of
        its block.

        Raises:
            OSError: where the file is there and cannot be read.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            while True:
                file.seek(self._offset)
                size = _BLOCK - self._offset % _BLOCK
                block = file.read(size)
                read = 0
                for kind, data in _chunks(block):
                    read += _CHUNK.size + len(data)
                    if (record := self._joined(kind, data)) is not None:
                        yield record
                if len(block) < size:
                    self._offset += read
                    return
                self._offset += size
                if size - read >= _CHUNK.size:
                    self._begun = None  # what is damaged may be of that record

    def _joined(self, kind: int, data: bytes) -> bytes | None:
        """The record that a chunk completes, or None."""
        if kind == _FULL:
            self._begun = None
            return data
        if kind == _FIRST:
            self._begun = bytearray(data)
        elif self._begun is not None:
            self._begun += data
            if kind == _LAST:
                record, self._begun = bytes(self._begun), None
                return record
        return None


def _chunks(block: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind and data of the chunks at the beginning of a block, up to an incomplete or bad one.

    Args:
        block: the bytes of a block from a chunk's beginning on, as many as there are.
    """
    start = 0
    while len(block) - start >= _CHUNK.size:
        crc, length, kind = _CHUNK.unpack_from(block, start)
        end = start + _CHUNK.size + length
        # The checksum is of the kind, the header's last byte, and the data.
        if end > len(block) or zlib.crc32(block[start + _CHUNK.size - 1 : end]) != crc:
            return
        yield kind, block[start + _CHUNK.size : end]
        start = end


def read_header(path: Path) -> bytes:
    """The header of a log, with wandb's version of the format.

    Raises:
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        return file.read(_FILE_HEADER)


def write_log(file: BinaryIO, header: bytes, records: Iterable[bytes]) -> None:
    """Write a whole log.

    Args:
        file: at its beginning.
        header: as ``read_header`` gives it.
        records: of any size.
    """
    file.write(header)
    room = _BLOCK - len(header)
    for record in records:
        start, begun, complete = 0, False, False
        while not complete:
            if room < _CHUNK.size:
                file.write(bytes(room))
                room = _BLOCK
            data = record[start : start + room - _CHUNK.size]
            start += len(data)
            complete = start == len(record)
            if begun:
                kind = _LAST if complete else _MIDDLE
            else:
                kind = _FULL if complete else _FIRST
            crc = zlib.crc32(data, zlib.crc32(bytes([kind])))
            file.write(_CHUNK.pack(crc, len(data), kind) + data)
            room -= _CHUNK.size + len(data)
            begun = True
