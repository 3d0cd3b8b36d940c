"""Tables as data sets: a column of labels, and the others as features."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dlsweep.config import ConfigError
from dlsweep.config.errors import fold
from dlsweep.data.own._arrays import PARTS, raw_of_arrays
from dlsweep.parts.data_sets._raw import Raw

_LABEL = ("label", "target", "class", "y", "labels", "targets")
_NUMBERING = ("", "unnamed0", "id", "index", "rowid", "level0")
"""Columns that number the rows, of which nothing can be learned but their order."""
_MOST_CLASSES = 1_000


def is_table_folder(folder: Path) -> bool:
    """Whether there is a table to train on, in a file of its own."""
    return "train" in _parts(folder)


def _parts(folder: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".csv", ".parquet"):
            for part, also in PARTS.items():
                if path.stem.lower() in also:
                    found[part] = path
    return found


def read_table(path: Path) -> Raw:
    """The data set in a ``.csv`` or ``.parquet`` file, or in ``train``, ``test`` and maybe ``val``
    of a folder.

    The labels are in the column called label, target, class or y, else in the last one. The
    features of an image of one row are standardised.

    Raises:
        ConfigError: in one line, what is wrong with it.
    """
    files = _parts(path) if path.is_dir() else {"train": path}
    tables = {part: _read(file) for part, file in files.items()}
    first = tables["train"]
    notes = [f"the labels are the column {first.columns[first.label]!r}"]
    if left_out := [c for i, c in enumerate(first.columns) if i in first.left_out]:
        names = ", ".join(repr(name) for name in left_out)
        notes.append(f"the column {names} numbers the rows, and is left out")
    for part, table in tables.items():
        if table.columns != first.columns:
            line = f"{files[part]}: other columns than {files['train'].name} has"
            raise ConfigError([f"dataset: {line}"])
    kinds = first.labels.dtype.kind
    classes = len(np.unique(first.labels))
    if classes > _MOST_CLASSES or (kinds == "f" and (first.labels % 1 != 0).any()):
        what = f"the column {first.columns[first.label]!r} has {classes:,} different values"
        raise ConfigError(
            [f"dataset: {path}: {what}, too many for classes; name the labels' column label"]
        )
    raw = raw_of_arrays(str(path), {p: (t.features, t.labels) for p, t in tables.items()})
    return replace(raw, notes=(*raw.notes, *notes))


@dataclass(frozen=True)
class _Table:
    columns: tuple[str, ...]
    label: int
    left_out: frozenset[int]
    features: npt.NDArray[np.float32]
    labels: npt.NDArray[Any]


def _layout(columns: Sequence[str]) -> tuple[int, frozenset[int]]:
    """The column of labels, and those that number the rows."""
    named = [fold(column) for column in columns]
    label = next((named.index(n) for n in _LABEL if n in named), len(columns) - 1)
    return label, frozenset(i for i, n in enumerate(named) if n in _NUMBERING and i != label)


def _read(path: Path) -> _Table:
    return _read_csv(path) if path.suffix.lower() == ".csv" else _read_parquet(path)


def _read_csv(path: Path) -> _Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            start = file.read(1 << 16)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"dataset: {path}: cannot be read: {error}"]) from None
    line = start.partition("\n")[0]
    delimiter = max(",;\t", key=line.count)
    columns = tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter), []))
    if len(columns) < 2:
        raise ConfigError([f"dataset: {path}: got one column, expected features and a label"])
    header = not all(map(_is_number, columns[:-1]))
    if not header:
        columns = tuple(f"column {i}" for i in range(1, len(columns) + 1))
    label, left_out = _layout(columns)
    features = [i for i in range(len(columns)) if i != label and i not in left_out]
    how: dict[str, Any] = {
        "delimiter": delimiter,
        "skiprows": int(header),
        "quotechar": '"',
        "comments": None,
        "encoding": "utf-8-sig",
    }
    try:
        labels = np.loadtxt(path, str, usecols=label, ndmin=1, **how)
        values = np.loadtxt(path, np.float64, usecols=features, ndmin=2, **how)
    except ValueError as error:
        where = _bad_cell(path, columns, features, delimiter, header) or str(error)
        raise ConfigError([f"dataset: {path}: {where}"]) from None
    if all(map(_is_number, labels.tolist())):
        labels = labels.astype(np.float64)
    return _Table(columns, label, left_out, _finite(path, columns, features, values), labels)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _bad_cell(
    path: Path, columns: Sequence[str], features: Sequence[int], delimiter: str, header: bool
) -> str | None:
    """The first cell that is not a number, or the first line that is too short."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.reader(file, delimiter=delimiter), start=1):
            if (number == 1 and header) or not row:
                continue
            if len(row) != len(columns):
                return f"line {number} has {len(row)} columns, expected {len(columns)}"
            for i in features:
                if not _is_number(row[i]):
                    what = f"holds {row[i]!r}" if row[i].strip() else "is empty"
                    return f"line {number}: {columns[i]!r} {what}, expected a number"
    return None


def _read_parquet(path: Path) -> _Table:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(
            [f"dataset: {path}: reading .parquet takes pyarrow: pip install pyarrow"]
        ) from None
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise ConfigError([f"dataset: {path}: cannot be read as .parquet: {reason}"]) from None
    columns = tuple(table.column_names)
    if len(columns) < 2:
        raise ConfigError([f"dataset: {path}: got one column, expected features and a label"])
    label, left_out = _layout(columns)
    left_out |= {i for i, name in enumerate(columns) if name.startswith("__index_level")}
    features = [i for i in range(len(columns)) if i != label and i not in left_out]
    found = []
    for i in features:
        try:
            found.append(np.asarray(table.column(i).to_numpy(), np.float64))
        except (ValueError, TypeError):
            line = f"the column {columns[i]!r} holds {table.column(i).type}, expected numbers"
            raise ConfigError([f"dataset: {path}: {line}"]) from None
    labels = np.asarray(table.column(label).to_numpy())
    values = _finite(path, columns, features, np.stack(found, axis=1))
    return _Table(columns, label, frozenset(left_out), values, labels)


def _finite(
    path: Path, columns: Sequence[str], features: Sequence[int], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    bad = ~np.isfinite(values)
    if bad.any():
        i = int(bad.any(axis=0).argmax())
        count = int(bad[:, i].sum())
        what = f"{columns[features[i]]!r} lacks a number in {count:,} of {len(values):,} rows"
        raise ConfigError([f"dataset: {path}: {what}; fill them in, or leave the column out"])
    return values.astype(np.float32)
