"""What one's own data is known by: other files, or files that were changed, are other data."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.config.data import function_of
from dlsweep.config.own_code import module_file


def identity(dataset: str) -> list[Any]:
    """The place of data and what tells whether it has changed, as JSON has it.

    Of files and folders these are names, sizes and times of all files; of a function, the content
    of its module. No file of a folder is opened.

    Raises:
        ConfigError: there is no such file, folder or module.
    """
    if found := function_of(dataset):
        source = module_file(found[0], "dataset")
        return [dataset, hashlib.sha256(source.read_bytes()).hexdigest()]
    path = Path(dataset)
    if path.is_dir():
        return [dataset, sorted(_files(dataset, ""))]
    try:
        return [dataset, [_stamp(path.name, path.stat())]]
    except OSError as error:
        why = "no such file or folder" if not path.exists() else error.strerror or str(error)
        raise ConfigError([f"dataset: {dataset}: {why}"]) from None


def _files(folder: str, below: str) -> list[list[Any]]:
    found = []
    try:
        with os.scandir(os.path.join(folder, below)) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = f"{below}/{entry.name}" if below else entry.name
                if entry.is_dir():
                    found += _files(folder, name)
                else:
                    found.append(_stamp(name, entry.stat()))
    except OSError as error:
        raise ConfigError([f"dataset: {error.filename}: {error.strerror or error}"]) from None
    return found


def _stamp(name: str, stat: os.stat_result) -> list[Any]:
    return [name, stat.st_size, stat.st_mtime_ns]
