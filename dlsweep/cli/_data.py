"""``dlsweep data``: fetch data sets ahead of time, and show them in W&B."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.config import ConfigError, canonical_value

if TYPE_CHECKING:
    from dlsweep.data import Dataset


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser("data", help="fetch data sets ahead of time", allow_abbrev=False)
    parser.add_argument("names", nargs="+", metavar="NAME", help="fashion_mnist, mnist or digits")
    parser.add_argument(
        "--show",
        action="store_true",
        help="log samples, counts and principal components as a W&B run of job type data; a local "
        "sweep does it by itself",
    )
    parser.add_argument("--project", help="W&B project of that run (default: dlsweep)")
    parser.add_argument("--entity", help="W&B user or team of that run")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Fetch every data set that is named; names are checked first."""
    from dlsweep.data import load

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
    for name in ("project", "entity"):
        try:
            canonical_value(f"wandb_{name}", getattr(arguments, name))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    project = _project(arguments) if arguments.show else None
    for name in names:
        place = fetched(name)
        data = load(name)
        sizes = ", ".join(
            f"{len(getattr(data, split)):,} {split}" for split in ("train", "val", "test")
        )
        print(f"{name}: {sizes} images" + (f" in {place}" if place.exists() else ""))
        if arguments.show:
            _show(data, project, arguments.entity)
    return 0


def fetched(name: str) -> Path:
    """The folder of a data set, once it is there.

    Raises:
        ConfigError: where the cache cannot be written.
        DataUnavailable: where no source has the data set.
    """
    from dlsweep.data import fetch

    try:
        return fetch(name)
    except OSError as error:
        where, why = error.filename or "the cache", error.strerror or str(error)
        hint = "DLSWEEP_DATA names another folder"
        raise ConfigError([f"data: {where} cannot be written: {why}; {hint}"]) from None


def _project(arguments: argparse.Namespace) -> str | None:
    from dlsweep.config import RunConfig
    from dlsweep.tracking._mode import project_of_environment

    return arguments.project or project_of_environment() or RunConfig().wandb_project


def _show(data: Dataset, project: str | None, entity: str | None) -> None:
    from dlsweep.tracking import choose_mode, show_data

    mode = choose_mode()
    place, _ = show_data(data, mode=mode, project=project, entity=entity)
    if mode == "offline":
        print(f"{data.name}: shown in a run kept offline; upload it with: wandb sync {place}")
    else:
        print(f"{data.name}: shown in a run of the project {project}")
