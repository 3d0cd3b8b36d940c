"""``dlsweep data``: fetch data sets ahead of time, and show them in W&B."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

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
    from dlsweep.config import ConfigError, canonical_value
    from dlsweep.data import fetch, load

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
    if problems:
        raise ConfigError(problems)
    for name in names:
        place = fetch(name)
        data = load(name)
        sizes = ", ".join(
            f"{len(getattr(data, split)):,} {split}" for split in ("train", "val", "test")
        )
        print(f"{name}: {sizes} images" + (f" in {place}" if place.exists() else ""))
        if arguments.show:
            _show(data, arguments)
    return 0


def _show(data: Dataset, arguments: argparse.Namespace) -> None:
    from dlsweep.config import RunConfig
    from dlsweep.tracking import choose_mode, show_data

    mode = choose_mode()
    project = arguments.project or os.environ.get("WANDB_PROJECT") or RunConfig().wandb_project
    place, _ = show_data(data, mode=mode, project=project, entity=arguments.entity)
    if mode == "offline":
        print(f"{data.name}: shown in a run kept offline; upload it with: wandb sync {place}")
    else:
        print(f"{data.name}: shown in a run of the project {project}")
