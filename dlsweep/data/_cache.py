"""The local copies of data sets: where they are, and reading and writing them safely.

Many processes may fill the cache at once: a file is written aside and moved into place whole, so a
reader sees either no file or a whole one, and whoever comes last replaces it by the same content.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


class Damaged(ValueError):
    """A file whose content is not what it should be; the text says in what way."""


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """The directory that holds one folder per data set; it need not exist.

    Args:
        cache_dir: the directory itself, or None for ``$DLSWEEP_DATA``, else
            ``$XDG_CACHE_HOME/dlsweep/data``, else ``~/.cache/dlsweep/data``. A variable that is
            empty counts as unset, and so does a relative XDG_CACHE_HOME, as the XDG Base Directory
            Specification asks.
    """
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    if own := os.environ.get("DLSWEEP_DATA"):
        return Path(own).expanduser()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not shared.is_absolute():
        shared = Path.home() / ".cache"
    return shared / "dlsweep" / "data"


def check(content: bytes, md5: str) -> None:
    """Raise `Damaged` unless ``content`` has the MD5 ``md5`` (hexadecimal, lower case)."""
    # MD5 tells a whole file from a damaged one; it is not a defence against forgery.
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise Damaged(f"{len(content)} bytes with MD5 {found}, expected MD5 {md5}")


def read_checked(path: Path, md5: str) -> bytes:
    """The content of a file, checked at every reading (0.1 s for the 55 MB of MNIST).

    Raises:
        FileNotFoundError: there is no such file.
        Damaged: the file cannot be read, or its MD5 is another one.
    """
    try:
        content = path.read_bytes()
    except NotADirectoryError as error:  # a file where the cache should be holds none of ours
        raise FileNotFoundError(path) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"cannot be read: {error.strerror or error}") from error
    check(content, md5)
    return content


def check_writable(directory: Path) -> None:
    """Raise what keeps a file from being made in a directory, or the directory itself.

    Nothing is left behind.

    Raises:
        OSError: of the directory.
    """
    nearest = next(place for place in (directory, *directory.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        error.filename = str(directory)
        raise
