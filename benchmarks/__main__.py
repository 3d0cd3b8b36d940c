"""What dlsweep's time is, against named peers measured in the same run.

    python -m benchmarks                      all that a CPU can show (an hour); says the tables
    python -m benchmarks s1 members           only these
    python -m benchmarks search               ways to search, replayed on runs that are kept
    python -m benchmarks --resume             only what benchmarks/results does not have yet
    python -m benchmarks --gpu                the ways to train on a GPU against each other
    python -m benchmarks --smoke              all of it in seconds, on digits: does it still run?

Each measurement is kept in benchmarks/results as soon as it is made, and benchmarks/README.md is
filled from there. Let nothing else run meanwhile, and set no OMP_NUM_THREADS.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.results import RESULTS, read, save


@dataclass(frozen=True)
class Section:
    """A measurement: what makes it, and what shows it."""

    measure: Callable[[argparse.Namespace], dict[str, Any]]
    table: Callable[[dict[str, Any]], str]


def _s1(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import studies

    points, peers, repetitions = (2, 1, 1) if arguments.smoke else (64, 12, 3)
    return studies.measure(
        studies.S1,
        arguments.points or points,
        arguments.peer_points or peers,
        arguments.repetitions or repetitions,
        smoke=arguments.smoke,
    )


def _s2(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import studies

    points, peers, repetitions = (2, 1, 1) if arguments.smoke else (12, 6, 2)
    return studies.measure(
        studies.S2,
        arguments.points or points,
        arguments.peer_points or peers,
        arguments.repetitions or repetitions,
        smoke=arguments.smoke,
    )


def _single(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import single

    repetitions = arguments.repetitions or (1 if arguments.smoke else 3)
    return single.measure(repetitions, smoke=arguments.smoke)


def _members(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import members
    from dlsweep.data import load

    repetitions = arguments.repetitions or (1 if arguments.smoke else 3)
    if arguments.smoke:
        small = {"dataset": "digits", "train_size": 200, "batch_size": 50}
        return members.measure(load("digits", train_size=200), members.SMOKE, repetitions, **small)
    return members.measure(load("fashion_mnist"), members.CPU, repetitions)


def _search(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.search import measure

    repetitions = arguments.repetitions or (2 if arguments.smoke else measure.REPETITIONS)
    if arguments.train:
        measure.train_all(repetitions)
    return measure.measure(repetitions, smoke=arguments.smoke, peers_again=arguments.peers)


def _overhead(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import overhead

    return overhead.measure(
        arguments.repetitions or (2 if arguments.smoke else 50), smoke=arguments.smoke
    )


def _scale(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import scale

    repetitions = arguments.repetitions or (1 if arguments.smoke else 3)
    return scale.measure(repetitions, smoke=arguments.smoke)


def _programs(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import programs

    return programs.measure(arguments.runs or (2 if arguments.smoke else 16))


def _gpu(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import gpu

    return gpu.measure(smoke=arguments.smoke)


def _table(module: str) -> Callable[[dict[str, Any]], str]:
    def shown(result: dict[str, Any]) -> str:
        from importlib import import_module

        text: str = import_module(f"benchmarks.{module}").table(result)
        return text

    return shown


SECTIONS = {
    "s1": Section(_s1, _table("studies")),
    "s2": Section(_s2, _table("studies")),
    "single": Section(_single, _table("single")),
    "members": Section(_members, _table("members")),
    "overhead": Section(_overhead, _table("overhead")),
    "scale": Section(_scale, _table("scale")),
    "programs": Section(_programs, _table("programs")),
    "search": Section(_search, _table("search.measure")),
    "gpu": Section(_gpu, _table("gpu")),
}
ON_A_CPU = ("s1", "s2", "single", "members", "overhead", "scale", "programs")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sections", nargs="*", metavar="NAME", help=", ".join(SECTIONS))
    parser.add_argument("--gpu", action="store_true", help="the section gpu, and no other")
    parser.add_argument("--resume", action="store_true", help="leave out what is there already")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--points", type=int, help="of s1 and s2")
    parser.add_argument("--peer-points", type=int, help="of these, how many the peers train")
    parser.add_argument("--runs", type=int, help="of programs")
    parser.add_argument("--train", action="store_true", help="of search: train what is missing")
    parser.add_argument("--peers", action="store_true", help="of search: the peers again, too")
    parser.add_argument("--json", type=Path, help="write the results of this call here, too")
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    names = ["gpu"] if arguments.gpu else arguments.sections or list(ON_A_CPU)
    if not arguments.smoke and "OMP_NUM_THREADS" in os.environ:
        print("OMP_NUM_THREADS is set: the peers have no more threads than that", file=sys.stderr)
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        known = read(name) if arguments.resume else None
        if known is None:
            known = SECTIONS[name].measure(arguments)
            save(name, known, smoke=arguments.smoke)
        results[name] = known
        print(f"\n## {name}\n\n{SECTIONS[name].table(known)}\n", flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    if not arguments.smoke:
        page.fill()
        print(f"kept in {RESULTS}, shown in {page.PAGE}", file=sys.stderr)


if __name__ == "__main__":
    main()
