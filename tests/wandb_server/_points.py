"""The points of a sweep: what W&B's server would hand out for a sweep configuration.

Grid is the product in the order of the file; random and bayes are draws from the distributions (a
test server has no surrogate model to fit). Source of the names: the sweep schema of wandb's docs.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

Parameter = dict[str, Any]
Point = dict[str, Any]


def points(config: dict[str, Any], rng: random.Random) -> Iterator[Point]:
    """Yield the points of a sweep as plain {name: value}, `run_cap` of them at most."""
    parameters = config.get("parameters", {})
    stream = _grid(parameters) if config.get("method") == "grid" else _draws(parameters, rng)
    return itertools.islice(stream, config.get("run_cap"))


def count(config: dict[str, Any]) -> int | None:
    """How many points the sweep has; None when it has no end."""
    cap: int | None = config.get("run_cap")
    if config.get("method") != "grid":
        return cap
    total = math.prod(len(_choices(p)) for p in config.get("parameters", {}).values())
    return total if cap is None else min(cap, total)


def _grid(parameters: dict[str, Parameter]) -> Iterator[Point]:
    for values in itertools.product(*(_choices(p) for p in parameters.values())):
        yield dict(zip(parameters, values, strict=True))


def _choices(parameter: Parameter) -> list[Any]:
    if "parameters" in parameter:
        return list(_grid(parameter["parameters"]))
    if "value" in parameter:
        return [parameter["value"]]
    if "values" in parameter:
        return list(parameter["values"])
    low, high = parameter["min"], parameter["max"]
    distribution = parameter.get("distribution", "int_uniform")
    if distribution == "int_uniform":
        return list(range(low, high + 1))
    if distribution == "q_uniform":
        q = parameter.get("q", 1)
        return [low + i * q for i in range(math.floor((high - low) / q) + 1)]
    raise ValueError(f"a grid cannot enumerate the distribution {distribution!r}")


def _draws(parameters: dict[str, Parameter], rng: random.Random) -> Iterator[Point]:
    while True:
        yield {name: _draw(parameter, rng) for name, parameter in parameters.items()}


def _draw(p: Parameter, rng: random.Random) -> Any:
    if "parameters" in p:
        return {name: _draw(inner, rng) for name, inner in p["parameters"].items()}
    if "value" in p:
        return p["value"]
    if "values" in p:
        return rng.choices(p["values"], weights=p.get("probabilities"))[0]
    kind = p.get("distribution") or (
        "int_uniform" if isinstance(p["min"], int) and isinstance(p["max"], int) else "uniform"
    )
    value = CONTINUOUS[kind.removeprefix("q_")](p, rng)
    if kind.startswith("q_"):
        q = p.get("q", 1)
        value = round(value / q) * q
    return value


CONTINUOUS: dict[str, Callable[[Parameter, random.Random], float]] = {
    "int_uniform": lambda p, rng: rng.randint(p["min"], p["max"]),
    "uniform": lambda p, rng: rng.uniform(p["min"], p["max"]),
    "log_uniform": lambda p, rng: math.exp(rng.uniform(p["min"], p["max"])),
    "log_uniform_values": lambda p, rng: math.exp(
        rng.uniform(math.log(p["min"]), math.log(p["max"]))
    ),
    "inv_log_uniform": lambda p, rng: 1 / math.exp(rng.uniform(p["min"], p["max"])),
    "inv_log_uniform_values": lambda p, rng: (
        1 / math.exp(rng.uniform(-math.log(p["max"]), -math.log(p["min"])))
    ),
    "normal": lambda p, rng: rng.gauss(p.get("mu", 0), p.get("sigma", 1)),
    "log_normal": lambda p, rng: rng.lognormvariate(p.get("mu", 0), p.get("sigma", 1)),
    "beta": lambda p, rng: rng.betavariate(p.get("a", 1), p.get("b", 1)),
}
