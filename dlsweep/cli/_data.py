"""``dlsweep data``: fetch or read data sets ahead of time, and show what would be trained on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep._unwritable import Unwritable
from dlsweep.config import SETTINGS, ConfigError, RunConfig, canonical_value

if TYPE_CHECKING:
    from dlsweep.data import DataFacts, Dataset

_SETTINGS = (
    *("image_size", "color", "classes", "skip_bad", "features", "features_weights"),
    *("val_fraction", "train_size"),
)
_MOST_CLASSES = 20
_UNBALANCED = 5
_FEW = 10


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "data",
        help="fetch or read data sets ahead of time, and show them",
        description="Fetch data sets, or read your own, ahead of time: names, or a folder with a "
        "sub-folder of pictures for each class, a .npz, .csv or .parquet file, a folder of IDX "
        "files, or module:function. They are kept in the cache until they change. Exit code 2: "
        "something is wrong with a data set; 1: one cannot be fetched.",
        epilog="example: dlsweep data photos --image_size 64 --show",
        allow_abbrev=False,
    )
    from dlsweep.config.data import named

    parser.add_argument("names", nargs="+", metavar="DATA", help=f"{', '.join(named())}, or a path")
    parser.add_argument(
        "--show",
        action="store_true",
        help="print the classes with their counts, and log samples, counts and principal "
        "components as a W&B run of job type data; a local sweep does that by itself",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="read your own data anew, though its files are the same: a function may read others",
    )
    for name in _SETTINGS:
        parser.add_argument(
            *dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}")),
            help=SETTINGS[name].help,
            **({"nargs": "?", "const": "true"} if name == "skip_bad" else {}),
        )
    parser.add_argument("--project", help="W&B project of that run (default: dlsweep)")
    parser.add_argument("--entity", help="W&B user or team of that run")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Fetch or read every data set that is named; names are checked first."""
    from dlsweep.parts import DATASETS

    values = {n: v for n in _SETTINGS if (v := getattr(arguments, n)) is not None}
    names: list[str] = []
    for name in arguments.names:
        try:
            names.append(canonical_value("dataset", name)[0])
        except ConfigError as error:
            problems += error.problems
    if not arguments.show:
        problems += [
            f"--{name}: only with --show"
            for name in ("project", "entity")
            if getattr(arguments, name) is not None
        ]
    checked = {f"wandb_{name}": getattr(arguments, name) for name in ("project", "entity")}
    for name, value in (values | checked).items():
        try:
            canonical_value(name, value)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    project = _project(arguments) if arguments.show else None
    for name in names:
        place = fetched(name) if name in DATASETS else None
        facts, data = _loaded(RunConfig(dataset=name, **values), arguments.again and not place)
        place = place or facts.directory
        sizes = ", ".join(
            f"{len(getattr(data, split)):,} {split}" for split in ("train", "val", "test")
        )
        print(
            f"{data.name}: {sizes} {'rows' if data.is_table else 'images'}"
            + (f" in {place}" if place and place.exists() else "")
        )
        for note in facts.notes:
            print(f"  {note}")
        if arguments.show:
            print("\n".join(f"  {line}" for line in _details(data)))
            _show(data, project, arguments.entity)
    return 0


def _loaded(config: RunConfig, again: bool) -> tuple[DataFacts, Dataset]:
    from dlsweep.data import check_data, forget, known_facts, load_for
    from dlsweep.parts import DATASETS

    if again:
        forget(config)
    facts = check_data(config)
    if config.dataset not in DATASETS and known_facts(config) is None:
        where, hint = facts.directory or "the cache", "DLSWEEP_DATA names another folder"
        raise Unwritable([f"data: {where} cannot be written, as said above; {hint}"])
    return facts, load_for(config)


def _details(data: Dataset) -> Iterator[str]:
    """What is trained on: shape, classes with their counts, and what a user may not expect."""
    from dlsweep.figures import class_counts

    channels, height, width = data.image_shape
    if data.is_table:
        yield f"{width:,} features, with mean 0 and deviation 1 over the training rows"
    else:
        colour = {1: "gray", 3: "in colour"}.get(channels, f"{channels} channels")
        yield f"{height}×{width} pixels (height × width), {colour}"
    counts = class_counts(data)
    shown = data.classes[:_MOST_CLASSES]
    wide = max(len("class"), *map(len, shown))
    yield f"{'class':{wide}}" + "".join(f"  {split:>7}" for split in counts)
    for label, name in enumerate(shown):
        yield f"{name:{wide}}" + "".join(f"  {of[label]:>7,}" for of in counts.values())
    if len(data.classes) > len(shown):
        yield f"and {len(data.classes) - len(shown):,} classes more"
    yield from _warnings(data, counts)


def _warnings(data: Dataset, counts: dict[str, list[int]]) -> Iterator[str]:
    train = counts["train"]
    most, least = max(train), min(train)
    if most >= _UNBALANCED * least:
        largest, smallest = (data.classes[train.index(count)] for count in (most, least))
        yield (
            f"warning: unbalanced: {most:,} training images of {largest}, {least:,} of {smallest}; "
            f"always answering {largest} is right for {100 * most / sum(train):.1f} %"
        )
    few = [name for name, count in zip(data.classes, train, strict=True) if count < _FEW]
    if few:
        yield f"warning: fewer than {_FEW} training images: {_listed(few)}"
    for split in ("val", "test"):
        lacking = [n for n, count in zip(data.classes, counts[split], strict=True) if not count]
        if lacking:
            yield f"warning: no {split} image: {_listed(lacking)}"


def _listed(names: list[str]) -> str:
    rest = len(names) - 5
    return ", ".join(names[:5]) + (f" and {rest:,} more" if rest > 0 else "")


def fetched(name: str) -> Path:
    """The folder of a data set, once it is there.

    Raises:
        Unwritable: where the cache cannot be written.
        DataUnavailable: where no source has the data set.
    """
    from dlsweep.data import fetch

    try:
        return fetch(name)
    except OSError as error:
        where, why = error.filename or "the cache", error.strerror or str(error)
        hint = "DLSWEEP_DATA names another folder"
        raise Unwritable([f"data: {where} cannot be written: {why}; {hint}"]) from None


def _project(arguments: argparse.Namespace) -> str | None:
    from dlsweep.tracking._project import project_of_environment

    return arguments.project or project_of_environment() or RunConfig().wandb_project


def _show(data: Dataset, project: str | None, entity: str | None) -> None:
    from dlsweep.tracking import choose_mode, show_data

    mode = choose_mode()
    place, _ = show_data(data, mode=mode, project=project, entity=entity)
    if mode == "offline":
        print(f"{data.name}: shown in a run kept offline; upload it with: wandb sync {place}")
    else:
        print(f"{data.name}: shown in a run of the project {project}")
