"""Tensors that the processes of a machine share: kept in a file beside the data set, and mapped.

A mapped page is in memory once, however many processes read it. To write to such a tensor copies
its page for the process that does so; the file stays as it is. It lies in the cache, so that
nothing is left behind in shared memory when a process is killed.
"""

from __future__ import annotations

import hashlib
import io
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from dlsweep._store import store

_log = logging.getLogger("dlsweep.data")

SUFFIX = ".mapped"
KEPT = 3
"""So many files are kept of a data set, the newest: of other splits, or other precisions."""

_WAIT_SECONDS = 60.0
_ALIGNED = 64
"""Where PyTorch's own tensors begin: from other places, sums may be rounded otherwise."""
_DIGEST = hashlib.sha256().digest_size


def shared(path: Path, make: Callable[[], Sequence[torch.Tensor]]) -> Sequence[torch.Tensor]:
    """The tensors kept in a file, mapped; made and kept first where there is none that is whole.

    Where the file cannot be kept or mapped, the tensors are this process's own.

    Args:
        path: of the file, with `SUFFIX`; its name says all that the content depends on.
        make: gives the tensors.
    """
    if sys.platform == "win32":  # there, a file that is mapped cannot be replaced
        return make()
    found = _mapped(path)
    if found is not None:
        return found
    made: Sequence[torch.Tensor] | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One makes it for all: of those that make it at once, each would map a file of its own.
        with FileLock(path.with_suffix(".lock"), timeout=_WAIT_SECONDS):
            found = _mapped(path)
            if found is None:
                made = make()
                store(path, _written(made))
                _tidy(path.parent)
                found = _mapped(path)
    except OSError as error:
        _log.debug("%s: not shared between processes (%s)", path, error)
    return found or made or make()


def _tidy(folder: Path) -> None:
    """Keep the newest files; whoever has mapped an older one keeps that."""
    files = sorted(folder.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime)
    for old in files[:-KEPT]:
        old.unlink(missing_ok=True)


def _written(tensors: Sequence[torch.Tensor]) -> bytes:
    """Arrays one after the other, each as NumPy's format has it, and the SHA-256 of all that."""
    file = io.BytesIO()
    for tensor in tensors:
        file.write(bytes(-file.tell() % _ALIGNED))
        np.save(file, tensor.numpy(), allow_pickle=False)
    content = file.getbuffer()
    return bytes(content) + hashlib.sha256(content).digest()


def _mapped(path: Path) -> list[torch.Tensor] | None:
    """The tensors of a file; None where there is no file, or one that is not whole."""
    try:
        # Copy on write: what a process should ever write is its own, and reaches nobody else.
        whole = np.memmap(path, np.uint8, mode="c")
        if hashlib.sha256(whole[:-_DIGEST].data).digest() != whole[-_DIGEST:].tobytes():
            raise ValueError("the checksum is another one")
        tensors, end = [], 0
        with path.open("rb") as file:
            while end < len(whole) - _DIGEST:
                file.seek(end + -end % _ALIGNED)
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                start = file.tell()
                end = start + dtype.itemsize * int(np.prod(shape))
                tensors.append(torch.from_numpy(whole[start:end].view(dtype).reshape(shape)))
        return tensors
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        _log.debug("%s: made again (%s)", path, error)
        return None
