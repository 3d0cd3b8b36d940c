"""A folder of IDX files, named as those of MNIST are."""

from __future__ import annotations

import re
from pathlib import Path

from dlsweep.config import ConfigError
from dlsweep.data.own._arrays import raw_of_arrays
from dlsweep.parts.data_sets._idx import IdxError, parse_idx
from dlsweep.parts.data_sets._raw import Raw
from dlsweep.parts.data_sets._sources import SourceError, gunzip

_NAME = re.compile(
    r"(?:.*[-_.])?(train|t10k|test|val|valid|validation)[-_.](images|labels)[-_.]"
    r"(?:idx\d|.*ubyte|idx).*",
    re.IGNORECASE,
)
_PARTS = {"train": "train", "t10k": "test", "test": "test"}


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    """The files by part and by images or labels."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and (match := _NAME.fullmatch(path.name)):
            part = _PARTS.get(match[1].lower(), "val")
            found.setdefault((part, match[2].lower()), path)
    return found


def is_idx_folder(folder: Path) -> bool:
    """Whether there are IDX files of images to train on."""
    return ("train", "images") in _files(folder)


def read_idx_folder(folder: Path) -> Raw:
    """The data set: ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-…``, or
    likewise with ``.gz``.

    Raises:
        ConfigError: in one line, what is wrong with it.
    """
    arrays = {}
    files = _files(folder)
    for key, path in files.items():
        try:
            content = path.read_bytes()
            content = gunzip(content, path.name) if path.suffix == ".gz" else content
            arrays[key] = parse_idx(content)
        except (OSError, IdxError, SourceError) as error:
            raise ConfigError([f"dataset: {path}: {error}"]) from None
    for part, kind in files:
        other = "labels" if kind == "images" else "images"
        if (part, other) not in files:
            raise ConfigError([f"dataset: {folder}: there are {part} {kind}, but no {other}"])
    parts = {part: (arrays[part, "images"], arrays[part, "labels"]) for part, _ in files}
    return raw_of_arrays(str(folder), parts)
