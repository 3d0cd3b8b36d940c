"""The classes of a data set: named, counted, chosen; and its parts put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dlsweep.config import ConfigError
from dlsweep.config.errors import did_you_mean, fold
from dlsweep.parts.data_sets._raw import Array, Labels, Raw


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
