"""Files and folders that commands write: refused in a line where that cannot be, lost never."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from dlsweep._store import store
from dlsweep._unwritable import Unwritable


def unusable(flag: str, given: str, *, folder: bool = False, example: str = "") -> list[str]:
    """Why a path is not that of a file, or of a folder of files, as far as a look tells.

    Args:
        flag: what the user gave it with.
        given: the path as it was given.
        folder: whether it is to be a folder.
        example: what a file may be called.

    Raises:
        Unwritable: where it cannot be written.
    """
    path = Path(given)
    if not given.strip():
        return [f"{flag}: got nothing; name a {'folder' if folder else 'file'}"]
    if not folder and path.is_dir():
        return [f"{flag}: {path} is a folder; name a file in it, such as {path}/{example}"]
    if folder and path.exists() and not path.is_dir():
        return [f"{flag}: {path} is a file; name a folder"]
    inside = [path] if folder else []
    above = next((p for p in (*inside, *path.absolute().parents) if p.exists()), None)
    if above is not None and not above.is_dir():
        raise Unwritable([f"{flag}: {above} is a file, so there can be no {path}"])
    if above is not None and not os.access(above, os.W_OK | os.X_OK):
        raise Unwritable([f"{flag}: {path} cannot be written: {above} is read-only"])
    return []


@contextlib.contextmanager
def writing(flag: str, path: Path) -> Iterator[None]:
    """What goes wrong with a file while it is written, as the one line that refuses a flag."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise Unwritable([f"{flag}: {path} cannot be written: {why}"]) from None


def replace_file(flag: str, path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, and the folders that it needs; one that is there goes.

    Raises:
        Unwritable: where it cannot be written; what was there is untouched.
    """
    with writing(flag, path):
        store(path, content)
