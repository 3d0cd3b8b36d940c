"""Files that are put in place whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path


def store(path: Path, content: bytes) -> Path:
    """Write a file, and the folders that it needs; what is there is replaced in a single step.

    Other processes may do the same at the same time, and at any moment there is a complete file or
    none, after a power cut too.

    Returns:
        The path.

    Raises:
        OSError: if it cannot be written; what was there is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same directory, because a rename is atomic only within a file system.
    aside = path.parent / f".{path.name}.{os.getpid()}.{uuid.uuid4().hex}.part"
    try:
        with aside.open("xb") as file:
            file.write(content)
            file.flush()
            # Without it, a power cut can leave the new name with an empty file behind it.
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # Windows cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return path
