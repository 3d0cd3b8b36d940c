"""``dlsweep predict``: what a kept model makes of files."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.cli._errors import BAD_INPUT, complain
from dlsweep.cli._files import unusable, writing
from dlsweep.config import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from dlsweep.saved import Model


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "predict",
        help="classify image files with a kept model",
        description="Classify files with a model that --save_model has kept. Pictures of any size "
        "and mode are turned upright and scaled to the size of the training images, with their "
        "proportions kept. For a model of handwritten digits, what is written is found, taken from "
        "its ground, scaled and centred as the training images were. A model of a table takes .csv "
        "and .npz files of rows.",
        epilog="example: dlsweep predict model.safetensors photo.jpg scan.png --verbose. Files "
        "that cannot be read get a line each and exit code 2; the others are classified still.",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", help="model.safetensors, or the run's directory")
    parser.add_argument(
        "images",
        nargs="+",
        metavar="FILE",
        help="a picture, or a folder of pictures; or .csv, .npz with rows",
    )
    parser.add_argument(
        "--invert",
        action="store_true",
        help="what is shown is darker than its ground; without it, that is found out where the "
        "training images show light things on a dark ground",
    )
    parser.add_argument(
        "--as_is",
        "--as-is",
        action="store_true",
        help="scale pictures as a whole: nothing cropped, taken from its ground or inverted",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="say in one line what was done to each picture"
    )
    parser.add_argument(
        "--save_inputs",
        "--save-inputs",
        metavar="DIR",
        help="write what the model saw of each picture there, as PNG",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "csv"),
        default="text",
        help="json and csv give the probability of every class (default: text)",
    )
    parser.set_defaults(run=run)


@dataclass(frozen=True, eq=False)
class _Input:
    """One thing to classify: a picture, or a row of a file.

    Attributes:
        name: what the output calls it.
        values: as the model takes it, (C, H, W): uint8 of a picture, else floating point.
        notices: what its owner should know.
    """

    name: str
    values: np.ndarray
    notices: Sequence[str] = field(default=())


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Print the class of every file that can be read, and a line for each that cannot."""
    if arguments.invert and arguments.as_is:
        problems.append("--invert, --as_is: give one of them")
    if arguments.save_inputs is not None:
        problems += unusable("--save_inputs", arguments.save_inputs, folder=True)
    if problems:
        raise ConfigError(problems)
    import numpy as np

    from dlsweep.saved import load_model

    try:
        model = load_model(arguments.model)
    except ConfigError as error:
        order = "; the model comes first: dlsweep predict MODEL IMAGE ..."
        swapped = any(path.endswith(".safetensors") for path in arguments.images)
        raise ConfigError([problem + order * swapped for problem in error.problems]) from None
    inputs: list[_Input] = []
    for given in arguments.images:
        for path in _files(given, model):
            try:
                inputs += _read(path, model, arguments)
            except ConfigError as error:
                problems += error.problems
    if not inputs:
        raise ConfigError(problems)
    for one in inputs:
        for notice in one.notices:
            print(f"dlsweep: {one.name}: {notice}", file=sys.stderr)
    if arguments.save_inputs is not None:
        folder = Path(arguments.save_inputs)
        pictures = [one for one in inputs if one.values.dtype == np.uint8]
        with writing("--save_inputs", folder):
            _save_inputs(folder, pictures)
    probabilities = np.concatenate(
        [model.predict(np.stack([i.values for i in group])) for group in _by_type(inputs)]
    )
    if not np.isfinite(probabilities).all():
        why = "its outputs are not numbers (NaN), as happens when training diverges"
        raise ConfigError([f"{arguments.model}: {why}"])
    _print(arguments.format, inputs, model, probabilities)
    sys.stdout.flush()
    complain(problems)
    return BAD_INPUT if problems else 0


def _files(path: str, model: Model) -> list[str]:
    """The pictures in a folder; anything else as it is."""
    from dlsweep.data.own import pictures_in

    if not Path(path).is_dir() or model.image_shape[:2] == (1, 1):
        return [path]
    return [str(file) for file in pictures_in(Path(path))] or [path]


def _read(path: str, model: Model, arguments: argparse.Namespace) -> list[_Input]:
    """What there is to classify in a file."""
    from dlsweep.saved import prepare_image, read_rows

    if Path(path).suffix.lower() in (".csv", ".npz"):
        rows = read_rows(path, model)
        return [_Input(f"{path}:{number}", row) for number, row in enumerate(rows, start=1)]
    if model.image_shape[:2] == (1, 1):
        features = model.image_shape[2]
        line = f"{path}: the model takes rows of {features} features, in a .csv or .npz file"
        raise ConfigError([line])
    prepared = prepare_image(path, model, invert=arguments.invert, as_is=arguments.as_is)
    if arguments.verbose:
        print(f"dlsweep: {path}: {'; '.join(prepared.done)}", file=sys.stderr)
    return [_Input(path, prepared.pixels, prepared.notices)]


def _by_type(inputs: Sequence[_Input]) -> list[list[_Input]]:
    """Neighbours of one type together, for pictures and rows are scaled differently."""
    groups: list[list[_Input]] = []
    for one in inputs:
        if not groups or groups[-1][0].values.dtype != one.values.dtype:
            groups.append([])
        groups[-1].append(one)
    return groups


def _save_inputs(folder: Path, inputs: Sequence[_Input]) -> None:
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    used: set[str] = set()
    for one in inputs:
        stem, number = Path(one.name).stem, 2
        name = stem
        while name in used:
            name, number = f"{stem}_{number}", number + 1
        used.add(name)
        pixels = one.values[0] if len(one.values) == 1 else one.values.transpose(1, 2, 0)
        Image.fromarray(pixels).save(folder / f"{name}.png")


def _print(how: str, inputs: Sequence[_Input], model: Model, probabilities: np.ndarray) -> None:
    best = probabilities.argmax(axis=1)
    answers = list(zip(inputs, best, probabilities, strict=True))
    if how == "json":
        records = [
            {
                "image": one.name,
                "class": model.classes[label],
                "probability": float(row[label]),
                "probabilities": dict(zip(model.classes, map(float, row), strict=True)),
                "notices": list(one.notices),
            }
            for one, label, row in answers
        ]
        print(json.dumps(records, indent=2, ensure_ascii=False))
    elif how == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(["image", "class", "probability", *model.classes])
        for one, label, row in answers:
            writer.writerow([one.name, model.classes[label], float(row[label]), *map(float, row)])
    else:
        wide = max(len(one.name) for one in inputs)
        widest = max(map(len, model.classes))
        for one, label, row in answers:
            print(f"{one.name:{wide}}  {model.classes[label]:{widest}}  {row[label]:.4f}")
