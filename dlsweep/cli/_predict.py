"""``dlsweep predict``: what a kept model makes of image files."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from typing import TYPE_CHECKING, Any

from dlsweep.config import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from dlsweep.saved import Model


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "predict",
        help="classify image files with a kept model",
        description="Classify image files with a model that --save_model has kept. Pictures of any "
        "size are made gray, turned upright and scaled to the size of the training images, with "
        "their proportions kept.",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", help="model.safetensors, or the run's directory")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="PNG, JPEG or WebP files")
    parser.add_argument(
        "--invert",
        action="store_true",
        help="for dark things on a light ground, as most photographs and scans are: the data sets "
        "have light things on a dark one",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "csv"),
        default="text",
        help="json and csv give the probability of every class (default: text)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Print the class of every image; nothing where one of them cannot be read."""
    if problems:
        raise ConfigError(problems)
    import numpy as np

    from dlsweep.saved import load_model, looks_inverted, read_image

    try:
        model = load_model(arguments.model)
    except ConfigError as error:
        order = "; the model comes first: dlsweep predict MODEL IMAGE ..."
        swapped = any(path.endswith(".safetensors") for path in arguments.images)
        raise ConfigError([problem + order * swapped for problem in error.problems]) from None
    images = []
    for path in arguments.images:
        try:
            images.append(read_image(path, model.image_shape, invert=arguments.invert))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    doubtful = [p for p, i in zip(arguments.images, images, strict=True) if looks_inverted(i)]
    if doubtful:
        what = ", ".join(doubtful[:3]) + (", …" if len(doubtful) > 3 else "")
        hint = "without --invert" if arguments.invert else "--invert"
        print(f"dlsweep: {what}: dark on a light ground, it seems; try {hint}", file=sys.stderr)
    probabilities = model.predict(np.stack(images))
    if not np.isfinite(probabilities).all():
        why = "its outputs are not numbers (NaN), as happens when training diverges"
        raise ConfigError([f"{arguments.model}: {why}"])
    _print(arguments, model, probabilities)
    return 0


def _print(arguments: argparse.Namespace, model: Model, probabilities: np.ndarray) -> None:
    best = probabilities.argmax(axis=1)
    if arguments.format == "json":
        records = [
            {
                "image": path,
                "class": model.classes[label],
                "probability": float(row[label]),
                "probabilities": dict(zip(model.classes, map(float, row), strict=True)),
            }
            for path, label, row in zip(arguments.images, best, probabilities, strict=True)
        ]
        print(json.dumps(records, indent=2, ensure_ascii=False))
    elif arguments.format == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(["image", "class", "probability", *model.classes])
        for path, label, row in zip(arguments.images, best, probabilities, strict=True):
            writer.writerow([path, model.classes[label], float(row[label]), *map(float, row)])
    else:
        wide = max(map(len, arguments.images))
        for path, label, row in zip(arguments.images, best, probabilities, strict=True):
            print(
                f"{path:{wide}}  {model.classes[label]:{max(map(len, model.classes))}}  "
                f"{row[label]:.4f}"
            )
