"""``dlsweep ablate``: a sweep file that changes one setting of a configuration at a time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from dlsweep.cli._files import replace_file, unusable
from dlsweep.config import ConfigError
from dlsweep.config.errors import shown
from dlsweep.config.kinds import checked_count


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "ablate",
        help="write a sweep file that changes one setting at a time",
        description="Write a sweep file that trains a base configuration and what differs from it "
        "in one setting alone, each with several seeds.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "base", metavar="BASE.yaml", help="settings, or a sweep file whose parameters are fixed"
    )
    parser.add_argument(
        "factors",
        nargs="+",
        metavar="NAME=V1,V2",
        help="a setting with the values to try; or {NAME: V, NAME: V}, changed together",
    )
    parser.add_argument("--seeds", metavar="N", help="seeds for each configuration (default: 3)")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Write the sweep file; one that is there already and says something else stays."""
    seeds = checked_count("--seeds", arguments.seeds, problems) or 3
    factors, together = _factors(arguments.factors, problems)
    output = None if arguments.output in (None, "-") else Path(arguments.output)
    if output is not None:
        problems += unusable("--output", arguments.output, example="ablation.yaml")
    if problems:
        raise ConfigError(problems)
    from dlsweep.sweep.file import ablation, as_yaml_file, read_yaml

    base = read_yaml(Path(arguments.base))
    if not isinstance(base, dict) or not base:
        example = "learning_rate: 0.001"
        raise ConfigError([f"{arguments.base}: got {shown(base)}, expected settings: {example}"])
    sweep = ablation(base, factors, seeds, together)
    count = len(sweep["parameters"]["variant"]["values"])
    runs = f"{count} configurations, {seeds} {'seeds' if seeds > 1 else 'seed'} each"
    text = as_yaml_file(sweep, f"One setting at a time, from {arguments.base}: {runs}.")
    if output is None:
        sys.stdout.write(text)
        return 0
    if output.exists() and output.read_text(encoding="utf-8") != text:
        raise ConfigError([f"--output: {output} is there already; name another file"])
    replace_file("--output", output, text.encode())
    print(f"{output}: {runs}; `dlsweep sweep {output}` trains them")
    return 0


def _factors(
    written: list[str], problems: list[str]
) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
    """The values to try of each setting, and the settings that are changed together."""
    from dlsweep.sweep.file import yaml_of

    factors: dict[str, list[Any]] = {}
    together: list[dict[str, Any]] = []
    for word in written:
        name, equals, values = word.partition("=")
        whole = word.startswith("{")
        found = yaml_of(word if whole else f"[{values}]") if whole or equals else None
        if isinstance(found, dict):
            together.append(found)
        elif isinstance(found, list) and found and name:
            factors.setdefault(name, []).extend(found)
        else:
            problems.append(f"{word}: expected a setting with values, such as optimizer=sgd,adam")
    return factors, together
