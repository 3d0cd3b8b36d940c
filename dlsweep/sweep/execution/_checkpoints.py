"""Checkpoints: the state of a stack in training, kept in a file.

A checkpoint is a safetensors file (https://github.com/huggingface/safetensors): arrays and text,
nothing that is executed when it is read. A new one replaces the old one in a single step, after
all of it is on the disk, so that at any moment there is a complete one or none.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dlsweep._store import store
from dlsweep.sweep.execution._job import Checkpoint
from dlsweep.training import StackState

_KEY = "dlsweep"
_CHECKSUM = "crc32"

FOLDER_MARKER = "driver-folder"
"""The file that says whose a folder of checkpoints is; see ``Checkpoint.marker``."""


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the text is one line."""


def encode(state: StackState) -> bytes:
    """The content of a checkpoint file."""
    facts = json.dumps(state.facts)
    # safetensors writes an array's memory as it lies there.
    arrays = {name: np.asarray(array, order="C") for name, array in state.arrays.items()}
    return save(arrays, {_KEY: facts, _CHECKSUM: str(_checksum(facts, arrays))})


def decode(content: bytes) -> StackState:
    """The state in the content of a checkpoint file.

    Raises:
        CheckpointError: if it is damaged, or not a checkpoint.
    """
    try:
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size])["__metadata__"]
        arrays = load(content)
        facts = metadata[_KEY]
        if metadata[_CHECKSUM] != str(_checksum(facts, arrays)):
            raise CheckpointError("its checksum is wrong")
        return StackState(json.loads(facts), arrays)
    except CheckpointError:
        raise
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"it is incomplete ({type(error).__name__})") from None


def _checksum(facts: str, arrays: Mapping[str, np.ndarray]) -> int:
    total = zlib.crc32(facts.encode())
    for name in sorted(arrays):
        total = zlib.crc32(arrays[name].reshape(-1).view(np.uint8).data, total)
    return total


class Saver:
    """Reads and writes the checkpoints of one job, seldom enough that training hardly notices.

    Args:
        checkpoint: where they are kept.
        least: the least seconds between two checkpoints; a job that takes less time has none.
        send: sends a checkpoint to the driver, for a worker that does not see the driver's files.
        share: the largest share of the time that may go into writing.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        least: float,
        send: Callable[[bytes], None],
        share: float = 0.02,
    ) -> None:
        self._checkpoint = checkpoint
        self._least = least
        self._send = send
        self._share = share
        self._next = time.monotonic() + least
        self._visible = not checkpoint.marker or _marker(self.folder) == checkpoint.marker

    @property
    def folder(self) -> Path:
        """The folder of the checkpoint."""
        return self._checkpoint.path.parent

    def read(self) -> StackState | None:
        """The state to go on from; None if there is none.

        Raises:
            CheckpointError: if the checkpoint cannot be used.
        """
        content = self._checkpoint.content
        if self._visible:
            try:
                content = self._checkpoint.path.read_bytes()
            except FileNotFoundError:
                content = None
            except OSError as error:
                raise CheckpointError(error.strerror or str(error)) from None
        return None if content is None else decode(content)

    def due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return time.monotonic() >= self._next

    def save(self, state: StackState) -> None:
        """Write a checkpoint now.

        Raises:
            OSError: if it cannot be written.
        """
        began = time.monotonic()
        try:
            content = encode(state)
            if self._visible:
                store(self._checkpoint.path, content)
            else:
                self._send(content)
        finally:
            ended = time.monotonic()
            self._next = ended + max(self._least, (ended - began) / self._share)


def mark(folder: Path, marker: str) -> None:
    """Put a marker into a folder, by which workers recognise it as the driver's own.

    Raises:
        OSError: if it cannot be written.
    """
    store(folder / FOLDER_MARKER, marker.encode())


def _marker(folder: Path) -> str:
    try:
        return (folder / FOLDER_MARKER).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
