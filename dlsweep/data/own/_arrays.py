"""Arrays as a data set: of an ``.npz`` file, of a function, or given from Python."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dlsweep.config import ConfigError
from dlsweep.data._raw import number_labels, of_parts
from dlsweep.parts.data_sets._raw import Array, Labels, Raw

PARTS = {
    "train": ("train", "training", "tr"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "te"),
}
"""The parts of a data set, by the words that say them."""
_IMAGES = ("x", "images", "image", "data", "features", "inputs", "imgs")
_LABELS = ("y", "labels", "label", "targets", "target", "classes")
_BRIGHT = 128
"""Images with a number as high as this, and none above 255, count from 0 to 255."""
_EXPECTED = "x_train, y_train, x_test and y_test, or images and labels"


def read_npz(path: Path) -> Raw:
    """The data set in an ``.npz`` file.

    Raises:
        ConfigError: in one line, what is wrong with it.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError([f"dataset: {path}: cannot be read as .npz: {reason}"]) from None
    return raw_of_mapping(str(path), arrays)


def raw_of_mapping(where: str, arrays: Mapping[str, Any]) -> Raw:
    """The data set that arrays with telling names make up.

    Args:
        where: what messages call the data.
        arrays: ``x_train``, ``y_train``, ``x_test``, ``y_test`` and the like (``train_images``,
            ``val_labels``, ``images``, ``y`` …), and optionally ``class_names``.

    Raises:
        ConfigError: in one line, what is wrong with them.
    """
    found: dict[str, dict[str, Any]] = {}
    names = None
    for key, array in arrays.items():
        words = re.split(r"[^a-z]+", key.lower().replace("class_names", "classnames"))
        part = next((p for p, also in PARTS.items() if set(words) & set(also)), "train")
        if key.lower() == "label_names" or "classnames" in words:
            names = [_text(name) for name in np.asarray(array).ravel().tolist()]
        elif set(words) & set(_IMAGES):
            found.setdefault(part, {})["images"] = array
        elif set(words) & set(_LABELS):
            found.setdefault(part, {})["labels"] = array
    missing = [
        f"{kind} to {part}"
        for part, both in found.items()
        for kind in ("images", "labels")
        if kind not in both
    ]
    if "train" not in found or missing:
        got = ", ".join(arrays) or "nothing"
        raise ConfigError([f"dataset: {where}: got {got}; expected {_EXPECTED}"])
    parts = {part: (both["images"], both["labels"]) for part, both in found.items()}
    return raw_of_arrays(where, parts, names)


def raw_of_arrays(
    where: str,
    parts: Mapping[str, tuple[Any, Any]],
    classes: Sequence[str] | None = None,
    *,
    standardise: bool = True,
) -> Raw:
    """A data set from arrays or tensors.

    Args:
        where: what messages call the data.
        parts: images and labels of ``train`` and, where there are such, ``val`` and ``test``.
            Images are (N, H, W), (N, C, H, W) or (N, H, W, C) with one or three channels; or
            features (N, D). Integers from 0 to 255 are pixels. Labels are numbers or text.
        classes: the names of the classes, of which labels are places; by default the labels.
        standardise: bring features to mean 0 and deviation 1.

    Raises:
        ConfigError: in one line, what is wrong with them.
    """
    images, labels = {}, {}
    notes: list[str] = []
    for part, (some, their_labels) in parts.items():
        images[part] = _images(f"{where}: {part}", _array(some))
        labels[part] = _labels(f"{where}: {part}", _array(their_labels))
        if len(images[part]) != len(labels[part]):
            counts = f"{len(images[part]):,} images and {len(labels[part]):,} labels"
            raise ConfigError([f"dataset: {where}: got {counts} to {part}, expected one for each"])
    shape = images["train"].shape[1:]
    for part, some in images.items():
        if some.shape[1:] != shape:
            what = f"images of {_by(some.shape[1:])} to {part} and of {_by(shape)} to train"
            raise ConfigError([f"dataset: {where}: got {what}, expected one size"])
    table = _array(parts["train"][0]).ndim == 2
    pixel_range = None
    if table:
        images = {part: some.astype(np.float32) for part, some in images.items()}
    else:
        images, pixel_range = _pixels(images, notes)
    if classes is None:
        names, numbers = number_labels(f"dataset: {where}", list(labels.items()))
    else:
        names, numbers = tuple(classes), [_checked(where, labels[p], classes) for p in labels]
    counted = dict(zip(labels, numbers, strict=True))
    return of_parts(
        images,
        counted,
        names,
        standardise=table and standardise,
        notes=notes,
        pixel_range=pixel_range,
    )


def _array(value: Any) -> npt.NDArray[Any]:
    """An array, from one of NumPy's or of anything that converts to it, such as a tensor."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def _by(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _images(where: str, array: Array) -> Array:
    """Images as (N, C, H, W), features as (N, 1, 1, D)."""
    if array.dtype.kind not in "biuf":
        raise ConfigError([f"dataset: {where}: got images of type {array.dtype}, expected numbers"])
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ConfigError([f"dataset: {where}: {bad:,} numbers are infinite or not a number"])
    if array.ndim == 2:
        return array.reshape(len(array), 1, 1, -1)
    if array.ndim == 3:
        return np.expand_dims(array, 1)
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return array
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return np.moveaxis(array, 3, 1)
    got = _by(array.shape)
    expected = "N×H×W, N×C×H×W or N×H×W×C with 1 or 3 channels, or N×D for features"
    raise ConfigError([f"dataset: {where}: got images of shape {got}, expected {expected}"])


def _labels(where: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim == 2 and array.shape[1] == 1:
        return np.ravel(array)
    if array.ndim == 2 and array.dtype.kind in "biuf" and _one_hot(array):
        return np.asarray(np.argmax(array, axis=1))
    if array.ndim != 1 or array.dtype.kind not in "biufUSO":
        got = f"labels of shape {_by(array.shape)} and type {array.dtype}"
        raise ConfigError([f"dataset: {where}: got {got}, expected one for each image"])
    return array


def _one_hot(array: npt.NDArray[Any]) -> bool:
    return bool(((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())


def _checked(where: str, labels: npt.NDArray[Any], classes: Sequence[str]) -> Labels:
    """Labels that are places among the names of the classes."""
    if labels.dtype.kind not in "biu" or not len(labels):
        raise ConfigError([f"dataset: {where}: with class_names, labels must be whole numbers"])
    if labels.min() < 0 or labels.max() >= len(classes):
        got = f"labels from {labels.min()} to {labels.max()}"
        raise ConfigError([f"dataset: {where}: got {got} for {len(classes)} class_names"])
    return labels.astype(np.int64)


def _pixels(
    images: dict[str, Array], notes: list[str]
) -> tuple[dict[str, Array], tuple[float, float] | None]:
    """Images as they are, integers as bytes where they fit, and what becomes 0 and 1 if need be."""
    low = min(float(some.min()) for some in images.values() if some.size)
    high = max(float(some.max()) for some in images.values() if some.size)
    whole = all(some.dtype.kind in "biu" for some in images.values())
    bytes_fit = whole and 0 <= low <= high <= 255
    images = {p: some.astype(np.uint8 if bytes_fit else np.float32) for p, some in images.items()}
    if low >= 0 and _BRIGHT <= high <= 255:
        return images, (0.0, 255.0)
    if low >= 0 and high <= 1:
        return images, (0.0, 1.0)
    first = min(low, 0.0)
    notes.append(f"the images' numbers from {first:g} to {high:g} become 0 to 1")
    return images, (first, high if high > first else first + 1)


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
