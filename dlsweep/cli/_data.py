"""``dlsweep data``: fetch data sets ahead of time."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser("data", help="fetch data sets ahead of time", allow_abbrev=False)
    parser.add_argument("names", nargs="+", metavar="NAME", help="fashion_mnist, mnist or digits")
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
    if problems:
        raise ConfigError(problems)
    for name in names:
        place = fetch(name)
        data = load(name)
        sizes = ", ".join(
            f"{len(getattr(data, split)):,} {split}" for split in ("train", "val", "test")
        )
        print(f"{name}: {sizes} images" + (f" in {place}" if place.exists() else ""))
    return 0
