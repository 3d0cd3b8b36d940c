"""A data set as it was read, before it is split into training and validation and scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dlsweep.config import ConfigError
from dlsweep.config.errors import did_you_mean, fold

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Raw:
    """A data set as it was read: its parts, and the names of its classes.

    Attributes:
        train_images, test_images: (N, C, H, W): uint8 from 0 to ``pixel_max``, or float32.
        train_labels, test_labels: integers in [0, number of classes), shape (N,).
        val_images, val_labels: of a validation split that came with the data; else None, and it
            is held out of the training images.
        classes: the names of the classes; empty where whoever reads the data knows them.
        standardise: whether the numbers are features, to be brought to mean 0 and variance 1,
            rather than pixels.
        notes: a line for each thing that a user should know of how the data was read.
        pixel_range: the numbers that become 0 and 1; None for 0 and the largest pixel, which is
            255 for integers and 1 for others.
    """

    train_images: Array
    train_labels: Labels
    test_images: Array
    test_labels: Labels
    val_images: Array | None = None
    val_labels: Labels | None = None
    classes: tuple[str, ...] = ()
    standardise: bool = False
    notes: tuple[str, ...] = ()
    pixel_range: tuple[float, float] | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width

    def parts(self) -> list[tuple[str, Array, Labels]]:
        """The name, images and labels of each part that there is."""
        found = [("train", self.train_images, self.train_labels)]
        if self.val_images is not None and self.val_labels is not None:
            found.append(("val", self.val_images, self.val_labels))
        return [*found, ("test", self.test_images, self.test_labels)]

    def counts(self, part: str) -> tuple[int, ...] | None:
        """How many images of each class a part has; None where there is no such part."""
        for name, _, labels in self.parts():
            if name == part:
                return tuple(np.bincount(labels, minlength=len(self.classes)).tolist())
        return None


def of_parts(
    images: Mapping[str, Array],
    labels: Mapping[str, Labels],
    classes: tuple[str, ...],
    *,
    standardise: bool = False,
    notes: Sequence[str] = (),
    pixel_range: tuple[float, float] | None = None,
) -> Raw:
    """A data set from the images and labels of ``train``, and of ``val`` and ``test`` if any."""
    shape, dtype = images["train"].shape[1:], images["train"].dtype
    return Raw(
        images["train"],
        labels["train"],
        images.get("test", np.empty((0, *shape), dtype)),
        labels.get("test", np.empty(0, np.int64)),
        images.get("val"),
        labels.get("val"),
        classes,
        standardise,
        tuple(notes),
        pixel_range,
    )


def number_labels(
    where: str, parts: Sequence[tuple[str, npt.NDArray[Any]]]
) -> tuple[tuple[str, ...], list[Labels]]:
    """The names of the classes, and each part's labels as places among them.

    Names are in the order of numbers where all are numbers, else of the alphabet.

    Args:
        where: what messages call the data.
        parts: the name and labels of each part, that to train on first.

    Raises:
        ConfigError: for one class only, or a class that another part has and the first lacks.
    """
    texts = [(name, np.array([_name_of(label) for label in labels])) for name, labels in parts]
    (_, first), *others = texts
    classes = sorted(set(first.tolist()), key=_order)
    for name, labels in others:
        if missing := sorted(set(labels.tolist()) - set(classes), key=_order):
            raise ConfigError([lacking(where, missing, name)])
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "none"
        raise ConfigError([f"{where}: got {found} as class, expected 2 or more classes"])
    place = {name: i for i, name in enumerate(classes)}
    numbers: list[Labels] = [
        np.array([place[label] for label in labels], np.int64) for _, labels in texts
    ]
    return tuple(classes), numbers


def lacking(where: str, missing: Sequence[str], part: str) -> str:
    """The line that refuses data of which the training images lack a class that ``part`` has."""
    shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    what = f"class {shown} is" if len(missing) == 1 else f"classes {shown} are"
    return (
        f"{where}: {what} in the {part} images and not in the training images, so no model could "
        "know it; add training images, or leave it out with --classes"
    )


def _name_of(label: Any) -> str:
    """A label as text: 3.0 as 3, bytes as the text that they are."""
    if isinstance(label, bytes):
        return label.decode(errors="replace")
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label).strip()


def _order(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def select_classes(where: str, known: Sequence[str], chosen: Sequence[str]) -> list[int]:
    """The places of the chosen classes among those that there are, in the order of the data.

    Raises:
        ConfigError: for a class that there is not, or fewer than two.
    """
    places = {name: i for i, name in enumerate(known)}
    folded = {fold(name): i for i, name in enumerate(known)}
    found, problems = set(), []
    for name in chosen:
        place = places.get(name, folded.get(fold(name)))
        if place is None:
            few = known if len(known) <= 20 else [*known[:20], f"… ({len(known)} in all)"]
            problems.append(f"classes: got {name!r}, no class of {where}{did_you_mean(name, few)}")
        else:
            found.add(place)
    if not problems and len(found) < 2:
        problems.append(f"classes: got {len(found)} of {where}, expected 2 or more")
    if problems:
        raise ConfigError(problems)
    return sorted(found)
