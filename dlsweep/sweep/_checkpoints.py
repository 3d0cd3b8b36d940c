"""Checkpoints: stacks in training, kept in files beside the study.

A checkpoint is a safetensors file (https://github.com/huggingface/safetensors): arrays and text,
nothing that is executed when it is read. It replaces the one before it in a single step, when all
of it is on the disk; so at every moment there is one that is whole, or none.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dlsweep.training import Stack, StackState

_KEY = "dlsweep"
_CHECKSUM = "crc32"
_TEMPORARY = ".part"


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the text is one line."""


def write_checkpoint(path: Path, state: StackState) -> None:
    """Put a stack's state in the place of the one before.

    Raises:
        OSError: where it cannot be written; the one before is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + _TEMPORARY)
    facts = json.dumps(state.facts)
    # safetensors writes an array's memory as it lies there.
    arrays = {name: np.asarray(array, order="C") for name, array in state.arrays.items()}
    metadata = {_KEY: facts, _CHECKSUM: str(_checksum(facts, arrays))}
    try:
        save_file(arrays, temporary, metadata)
    except SafetensorError as error:
        raise OSError(" ".join(str(error).split())) from None
    _flush(temporary)
    temporary.replace(path)
    _flush(path.parent)


def read_checkpoint(path: Path) -> StackState | None:
    """The state in a checkpoint; None where there is no such file.

    Raises:
        CheckpointError: where it is not whole, or no checkpoint.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = metadata[_KEY]
        if metadata[_CHECKSUM] != str(_checksum(facts, arrays)):
            raise CheckpointError("its checksum is wrong")
        return StackState(json.loads(facts), arrays)
    except CheckpointError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"it is not whole ({type(error).__name__})") from None


def _checksum(facts: str, arrays: Mapping[str, np.ndarray]) -> int:
    total = zlib.crc32(facts.encode())
    for name in sorted(arrays):
        total = zlib.crc32(arrays[name].reshape(-1).view(np.uint8).data, total)
    return total


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Saver:
    """Keeps a stack's checkpoint, seldom enough that training hardly notices.

    Args:
        path: the checkpoint's.
        least: seconds without a checkpoint before the next; a stack that takes less has none.
        share: of the time that may go into writing; where a checkpoint takes long, the next waits.
    """

    def __init__(self, path: Path, least: float = 2.0, share: float = 0.02) -> None:
        self.path = path
        self._least = least
        self._share = share
        self._next = time.monotonic() + least

    def due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return time.monotonic() >= self._next

    def save(self, stack: Stack) -> None:
        """Write one now.

        Raises:
            OSError: where it cannot be written.
        """
        began = time.monotonic()
        try:
            write_checkpoint(self.path, stack.state())
        finally:
            ended = time.monotonic()
            self._next = ended + max(self._least, (ended - began) / self._share)


def copy_checkpoint(path: Path, to: Path) -> None:
    """The checkpoint at ``path``, if there is one, at another name too.

    Whoever still writes it does not change the copy: each checkpoint is a new file.

    Raises:
        OSError: where that cannot be done.
    """
    if path.exists():
        try:
            os.link(path, to)
        except OSError:  # a file system without links
            shutil.copyfile(path, to)


def tidy(folder: Path, keep: Collection[Path] = ()) -> None:
    """Remove what is in a folder of checkpoints but those to keep, and then the empty folders."""
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        if file not in keep and ".safetensors" in file.suffixes:
            file.unlink(missing_ok=True)
    for place in (folder, folder.parent):
        try:
            place.rmdir()
        except OSError:  # something is left in it
            return
