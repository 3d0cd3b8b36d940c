"""All that is to be known of dlsweep on a GPU, in one call of less than nine minutes.

    python -m benchmarks.gpu --json FILE          the parts one after the other; each is kept
    python -m benchmarks.gpu --smoke              seconds, on made-up images, also without a GPU
    python -m benchmarks.gpu --only grid --whole  the whole grid of study S1, not extrapolated
    python -m benchmarks.gpu --pack FOLDER        the data sets, compressed, to be carried along

It needs torch and numpy and nothing else; the data comes from the folder that DLSWEEP_DATA names.
First the ways to train a stack are compared (``gpu_ways``); the other parts take the fastest that
is right. Each part is a process of its own, so that none can break or outlast another; study S1's
begins with an empty compile cache.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpu_training, gpu_ways
from benchmarks.gpu_points import S1, S2, pack
from benchmarks.gpu_table import table
from benchmarks.machine import describe, fastest

SECONDS = 525.0
"""Of all parts; one that is begun late gets what is left."""
BUDGET = {"ways": 105.0, "s1": 140.0, "s2": 80.0, "members": 100.0, "grid": 100.0}
_GRACE = 20.0
"""Seconds that a part may take beyond its budget before it is ended."""
_LEAST = 25.0
"""A part that would have less is left out."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="where the results go, after every part")
    parser.add_argument("--only", action="append", choices=BUDGET, help="only this part")
    parser.add_argument("--whole", action="store_true", help="train the whole grid")
    parser.add_argument("--points", type=int, default=448, help="of study S1")
    parser.add_argument("--pack", type=Path, help="write the data sets here, and do nothing else")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--part", choices=BUDGET, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    how = {name: getattr(arguments, name) for name in ("smoke", "points", "whole")}
    if arguments.pack:
        pack(arguments.pack)
    elif arguments.part:
        part(arguments.part, arguments.seconds, path=arguments.json, **how)
    else:
        parts = arguments.only or tuple(BUDGET)
        print(table(measure(parts=parts, path=arguments.json, **how)))


def part(
    name: str,
    seconds: float,
    *,
    smoke: bool = False,
    points: int = 448,
    whole: bool = False,
    path: Path | None = None,
) -> dict[str, Any]:
    """One part, on the GPU, or where there is none, and to try it, on the CPU.

    What is known so far goes to ``path`` after each of its measurements, so that a part that breaks
    or is ended loses nothing but the measurement that it was at.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    so_far: dict[str, Any] = {}

    def keep(result: dict[str, Any]) -> None:
        so_far.update(result)
        if path:  # at once, or not at all: the process may be ended at any time
            new = path.with_suffix(".new")
            new.write_text(json.dumps(so_far))
            new.replace(path)

    run: dict[str, Callable[[], None]] = {
        "ways": lambda: gpu_ways.compare(device, seconds, smoke, keep),
        "s1": lambda: gpu_training.study(S1, 6 if smoke else points, device, seconds, smoke, keep),
        "s2": lambda: gpu_training.study(S2, 4 if smoke else 256, device, seconds, smoke, keep),
        "members": lambda: gpu_training.growing(device, seconds, smoke, keep),
        "grid": lambda: gpu_training.whole_grid(device, seconds, smoke, whole, keep),
    }
    try:
        if name == "ways":
            keep(_peaks(device))
        run[name]()
    except Exception as error:  # the other parts are worth having
        keep(_cut_off(so_far, f"{type(error).__name__}: {error}".splitlines()[0]))
    return so_far


def _cut_off(so_far: dict[str, Any], why: str) -> dict[str, Any]:
    """What a part that did not come to its end has to tell."""
    return {**so_far, "cut_off" if so_far.keys() - {"gemm_flops", "bandwidth"} else "failed": why}


def measure(
    *,
    smoke: bool = False,
    parts: Sequence[str] = tuple(BUDGET),
    points: int = 448,
    whole: bool = False,
    path: Path | None = None,
    apart: bool | None = None,
) -> dict[str, Any]:
    """The parts one after the other.

    Args:
        smoke: few and small.
        parts: their names, as in ``BUDGET``.
        points: of study S1.
        whole: whether the whole grid is trained.
        path: where the results go after every part.
        apart: whether each part is a process; by default, where it is no smoke test.
    """
    if not torch.cuda.is_available() and not smoke:
        raise SystemExit("there is no GPU here; --smoke runs on the CPU")
    began = time.perf_counter()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    result: dict[str, Any] = {"machine": describe(), "device": device}
    how = {"smoke": smoke, "points": points, "whole": whole}
    total = SECONDS + 45 if whole else SECONDS
    with tempfile.TemporaryDirectory(prefix="dlsweep-gpu-") as folder:
        for name in parts:
            left = total - _GRACE - (time.perf_counter() - began)
            _tell(f"{name}; {left:.0f} s are left")
            seconds = left if whole and name == "grid" else min(BUDGET[name], left)
            if left < _LEAST:
                result[name] = {"failed": "left out: no time was left"}
            elif not smoke if apart is None else apart:
                result[name] = _process(name, seconds, Path(folder), result, how)
            else:
                result[name] = part(name, seconds, **how)
            for word in ("failed", "cut_off"):
                if word in result[name]:
                    _tell(result[name][word])
            result["seconds"] = time.perf_counter() - began
            if path:
                path.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _process(
    name: str, seconds: float, folder: Path, result: dict[str, Any], how: dict[str, Any]
) -> dict[str, Any]:
    """A part in a process of its own, which is ended where it does not end."""
    path = folder / f"{name}.json"
    words = [sys.executable, "-m", "benchmarks.gpu", "--part", name, "--json", str(path)]
    words += ["--seconds", str(seconds), "--points", str(how["points"])]
    words += [f"--{word}" for word in ("smoke", "whole") if how[word]]
    cache = folder / ("cold" if name == "s1" else "cache")
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(cache)}
    environment["TRITON_CACHE_DIR"] = str(cache / "triton")
    best = result.get("ways", {}).get("fastest")
    if best:
        environment["DLSWEEP_GPU"] = best
    why = ""
    try:
        done = subprocess.run(words, env=environment, timeout=seconds + _GRACE)
        if done.returncode:
            why = f"its process ended with code {done.returncode}"
    except subprocess.TimeoutExpired:
        why = f"ended after {seconds + _GRACE:.0f} s"
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError):  # nothing was written yet
        found = json.loads(path.read_text())
    return _cut_off(found, why or "it told nothing") if why or not found else found


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _peaks(device: str) -> dict[str, Any]:
    """What the device can do: float32 products without TF32, and copies."""
    n, count = (4096, 2**30) if device == "cuda" else (256, 2**20)
    a, b = torch.rand(n, n, device=device), torch.rand(n, n, device=device)
    c = torch.rand(count // 4, device=device)
    d = torch.empty_like(c)

    def timed(function: Callable[[], object]) -> float:
        def whole() -> None:
            function()
            if device == "cuda":
                torch.cuda.synchronize()

        return fastest(whole)

    return {
        "gemm_flops": 2 * n**3 / timed(lambda: torch.mm(a, b)),
        "bandwidth": 2 * c.numel() * 4 / timed(lambda: d.copy_(c)),
    }


if __name__ == "__main__":
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    main()
