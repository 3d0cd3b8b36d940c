"""Reading one's own data, whatever it is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlsweep.config import ConfigError
from dlsweep.config.data import FILE_ENDINGS, function_of
from dlsweep.data._prepare import prepared
from dlsweep.data._split import stratified_holdout
from dlsweep.data.own._arrays import read_npz
from dlsweep.data.own._function import read_function
from dlsweep.data.own._idx_folder import is_idx_folder, read_idx_folder
from dlsweep.data.own._pictures import read_pictures
from dlsweep.data.own._table import is_table_folder, read_table
from dlsweep.parts.data_sets._raw import Raw

if TYPE_CHECKING:
    from dlsweep.data._facts import DataSettings

HELD_OUT = 0.2
"""The share of the images that becomes the test split where there is none."""


def name_of(dataset: str) -> str:
    """What figures and messages call data: the name of its file, folder or function."""
    found = function_of(dataset)
    name = found[1] if found else Path(dataset).stem
    return re.sub(r"[^\w.-]+", "-", name.split("@")[0]).strip("-.") or "data"


def read(settings: DataSettings) -> Raw:
    """The data, with a test split: the one that it has, else a stratified fifth.

    Raises:
        ConfigError: in a line for each thing, what is wrong with it.
    """
    dataset = settings.dataset
    path = Path(dataset)
    if function_of(dataset):
        raw = read_function(dataset)
    elif path.is_dir():
        if is_idx_folder(path):
            raw = read_idx_folder(path)
        elif is_table_folder(path):
            raw = read_table(path)
        else:
            return with_test(dataset, read_pictures(path, settings))
    elif path.suffix.lower() == ".npz":
        raw = read_npz(path)
    elif path.suffix.lower() in FILE_ENDINGS:
        raw = read_table(path)
    else:
        endings = ", ".join(FILE_ENDINGS)
        raise ConfigError(
            [f"dataset: {path}: not data that can be read; give a folder or one of {endings}"]
        )
    return with_test(dataset, prepared(raw, settings))


def with_test(dataset: str, raw: Raw) -> Raw:
    """Data with a test split: where it has none, a fifth of its images, the same for every run."""
    if len(raw.test_labels):
        return raw
    try:
        train, test = stratified_holdout(raw.train_labels, HELD_OUT)
    except ValueError as error:
        raise ConfigError([f"dataset: {dataset}: {error} for a test split"]) from None
    note = "no test split is given: a stratified fifth of the images, the same for every run"
    return replace(
        raw,
        train_images=raw.train_images[train],
        train_labels=raw.train_labels[train],
        test_images=raw.train_images[test],
        test_labels=raw.train_labels[test],
        notes=(*raw.notes, note),
    )
