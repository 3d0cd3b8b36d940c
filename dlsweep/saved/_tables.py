"""Rows of numbers in files as a model takes them: a table of features, or an array of images."""

from __future__ import annotations

import csv
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlsweep.config import ConfigError

if TYPE_CHECKING:
    from dlsweep.saved._model import Model

_LABELS = ("label", "target", "class", "y", "labels", "targets")
_NUMBERING = ("", "id", "index", "unnamed: 0")
_ARRAYS = ("x_test", "x", "images", "features", "data", "test_images", "x_train")


def read_rows(path: str | os.PathLike[str], model: Model) -> np.ndarray:
    """The examples in a ``.csv`` or ``.npz`` file, (N, C, H, W), scaled as a model takes them.

    Columns of a table are taken in their order. A column of labels, such as the file that the model
    was trained on has, and one that numbers the rows, are left out where there is one too many. In
    an ``.npz`` file the array called x_test, x, images, features or data is taken, or the only one.

    Args:
        path: of the file.
        model: what it is read for.

    Raises:
        ConfigError: in one line, what is wrong with it.
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigError([f"{path}: no such file"])
    shape = model.image_shape
    if file.suffix.lower() == ".csv":
        raw: np.ndarray = _csv(file, int(np.prod(shape)))
    else:
        raw = _npz(file)
    size = int(np.prod(shape))
    if raw.ndim < 2 or not len(raw) or raw.size != len(raw) * size:
        what = f"{size} features" if is_table(model) else f"images of {shape}"
        raise ConfigError([f"{path}: holds the shape {raw.shape}; the model takes rows of {what}"])
    if raw.ndim == 4 and raw.shape[1:] == (*shape[1:], shape[0]) != shape:
        raw = raw.transpose(0, 3, 1, 2)
    raw = raw.reshape(len(raw), *shape)
    if not np.isfinite(raw).all():
        raise ConfigError([f"{path}: not all of its numbers are finite"])
    scaled: np.ndarray = model.scaling.apply(raw).numpy()
    return scaled


def is_table(model: Model) -> bool:
    """Whether a model was trained on a table of features, not on images."""
    return model.image_shape[:2] == (1, 1)


def _csv(path: Path, features: int) -> np.ndarray:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            start = file.readline()
            delimiter = max(",;\t", key=start.count)
            file.seek(0)
            rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError([f"{path}: cannot be read ({error})"]) from None
    if not rows:
        raise ConfigError([f"{path}: is empty"])
    # A first row with text is names; a label may be text in every row, but it is one column.
    names = [name.strip().lower() for name in rows[0]]
    header = sum(not _is_number(name) for name in names) > 1 or names[-1] in _LABELS
    names = names if header else []
    first, chosen = (2, rows[1:]) if header else (1, rows)
    taken = list(range(len(rows[0])))
    if len(taken) > features:
        taken = [i for i in taken if not names or names[i] not in _NUMBERING] or taken
    if len(taken) == features + 1:
        label = next((i for i in taken if names and names[i] in _LABELS), taken[-1])
        taken.remove(label)
    if len(taken) != features:
        line = f"{path}: has {len(taken)} columns; the model takes {features} features"
        raise ConfigError([line])
    values = np.empty((len(chosen), features))
    for number, row in enumerate(chosen):
        if len(row) != len(rows[0]):
            line = f"line {number + first} has {len(row)} columns, expected {len(rows[0])}"
            raise ConfigError([f"{path}: {line}"])
        for place, column in enumerate(taken):
            if not _is_number(row[column]):
                line = f"line {number + first}: {row[column]!r} is not a number"
                raise ConfigError([f"{path}: {line}"])
            values[number, place] = float(row[column])
    return values


def _npz(path: Path) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError([f"{path}: cannot be read as .npz ({reason})"]) from None
    names = [name for name in _ARRAYS if name in arrays] or (
        list(arrays) if len(arrays) == 1 else []
    )
    if not names:
        got = ", ".join(arrays) or "nothing"
        raise ConfigError([f"{path}: holds {got}; expected an array called x or images"])
    found = np.asarray(arrays[names[0]])
    if found.dtype.kind not in "biuf":
        raise ConfigError([f"{path}: {names[0]} holds {found.dtype}, expected numbers"])
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
