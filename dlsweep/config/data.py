"""The settings that say which images are trained on: from what users write to canonical text."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dlsweep.config.errors import did_you_mean, fold
from dlsweep.parts import DATASETS

FILE_ENDINGS = (".npz", ".csv", ".parquet")
_FUNCTION = re.compile(r"(?P<place>[^:]+(?:\.py)?|[A-Za-z]:[^:]+\.py):(?P<name>[A-Za-z_]\w*)")
_IN_MEMORY = re.compile(r"[^/\\:@]+@[0-9a-f]{16}")
_SIZE = re.compile(r"(\d+)(?:\s*[x×,]\s*(\d+))?")
_MOST_PIXELS = 10_000
"""Of a side."""


def named() -> Mapping[str, tuple[str, ...]]:
    """The data sets known by name, each with its other spellings."""
    return {name: each.also for name, each in DATASETS.items()}


def in_memory(value: str) -> bool:
    """Whether a data set is one that was given from Python as tensors, such as ``blobs@0f…``."""
    return _IN_MEMORY.fullmatch(value) is not None


def function_of(value: str) -> tuple[str, str] | None:
    """The module or file, and the function, that ``module:function`` names; None for no such."""
    found = _FUNCTION.fullmatch(value)
    return (found["place"], found["name"]) if found else None


def dataset(value: Any) -> str:
    """A data set's name; or the absolute path of a file or folder, or ``module:function``."""
    if not isinstance(value, str | os.PathLike) or not str(value).strip():
        raise ValueError(f"expected a data set{did_you_mean('', named())}")
    text = os.fspath(value).strip() if isinstance(value, os.PathLike) else value.strip()
    if text in named() or in_memory(text):
        return text
    if not text.startswith((".", "/", "~", os.sep)):
        for name, also in named().items():
            if fold(text) in {fold(spelling) for spelling in (name, *also)}:
                return name
    if function_of(text):
        return _function(text)
    looks_like_a_path = "/" in text or os.sep in text or text.startswith((".", "~"))
    if looks_like_a_path or text.lower().endswith(FILE_ENDINGS) or os.path.exists(text):
        return _absolute(text)
    raise ValueError(f"no such data set, file or folder{did_you_mean(text, named())}")


def _function(text: str) -> str:
    """``module:function``, where the module is a file by its absolute path."""
    place, _, name = text.rpartition(":")
    is_file = place.endswith(".py") or "/" in place or os.sep in place
    return f"{_absolute(place)}:{name}" if is_file else text


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def image_size(value: Any) -> str:
    """Height and width as ``64x48``, from one number for both, text such as 64x48, or a list."""
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) in (1, 2):
        value = "x".join(map(str, value))
    found = None if isinstance(value, bool) else _SIZE.fullmatch(str(value).strip(" ()[]").lower())
    if found is not None:
        height = int(found[1])
        width = int(found[2] or height)
        if 1 <= min(height, width) <= max(height, width) <= _MOST_PIXELS:
            return f"{height}x{width}"
    raise ValueError("expected a number of pixels such as 32, or HEIGHTxWIDTH such as 64x48")


def size_of(text: str) -> tuple[int, int]:
    """The height and width that ``image_size`` has written."""
    height, width = text.split("x")
    return int(height), int(width)


def features(value: Any) -> str:
    """The name of a network; or the absolute path of a saved model, or ``module:function``."""
    text = str(value).strip() if isinstance(value, str | os.PathLike) else ""
    if not text:
        raise ValueError("expected a network such as efficientnet_lite0, or a saved model")
    if function_of(text):
        return _function(text)
    if "/" in text or os.sep in text or text.startswith((".", "~")):
        return _absolute(text)
    if text.lower().endswith(".safetensors"):
        return _absolute(text)
    return re.sub(r"[^a-z0-9]+", "_", text.lower())


def features_weights(value: Any) -> str:
    """``default``, ``random``, or the absolute path of a file."""
    text = str(value).strip() if isinstance(value, str | os.PathLike) else ""
    if fold(text) in ("default", "random"):
        return fold(text)
    if "/" in text or os.sep in text or text.lower().endswith((".pth", ".pt", ".safetensors")):
        return _absolute(text)
    raise ValueError("expected default, random, or a file of weights such as ./alexnet.pth")


_COLORS = {
    "auto": ("automatic", "default"),
    "true": ("yes", "on", "1", "rgb", "color", "colour"),
    "false": ("no", "off", "0", "gray", "grey", "grayscale", "greyscale"),
}


def color(value: Any) -> str:
    """``auto``, ``true`` or ``false``."""
    for name, also in _COLORS.items():
        if fold(value) in (name, *also):
            return name
    raise ValueError("expected auto, true or false")


def classes(value: Any) -> str:
    """Names of classes as one line of CSV, each once, from such a line or a list."""
    if isinstance(value, str):
        text = value.strip()
        text = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        lines = list(csv.reader([text], skipinitialspace=True))
        value = lines[0] if lines else []
    elif isinstance(value, int | float) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, Sequence | set | range):
        raise ValueError("expected names of classes such as cat,dog")
    names = [str(name).strip().strip("'") for name in value]
    if len(set(names)) < 2 or not all(names):
        raise ValueError("expected 2 or more names of classes such as cat,dog")
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(dict.fromkeys(names))
    return line.getvalue()


def classes_of(text: str) -> tuple[str, ...]:
    """The names that ``classes`` has written."""
    return tuple(next(csv.reader([text])))
