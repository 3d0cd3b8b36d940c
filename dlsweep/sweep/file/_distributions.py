"""The distributions of W&B's sweep schema, each as its quantile function (inverse CDF).

A uniform number u in (0, 1) put through ``quantile`` is a draw from the distribution, so that one
source of uniform numbers serves all of them. The semantics, the defaults and the rounding are those
of W&B's own ``sweeps`` package (sweeps/params.py and sweeps/config/schema.json, version 0.2.0).
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Any

_MOST_VALUES = 100_000  # a support larger than this is not listed


class Distribution(ABC):
    """The distribution of a setting's values."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name in a sweep file."""

    @abstractmethod
    def quantile(self, u: float) -> Any:
        """The value at u in [0, 1]; infinite at the ends of an unbounded law."""

    @abstractmethod
    def support(self) -> tuple[Any, ...] | None:
        """All values, in ascending order of u; None where there are more than 100,000."""

    def as_dict(self) -> dict[str, Any]:
        """The distribution as a sweep file writes it."""
        return {"distribution": self.name, **{k: plain(v) for k, v in vars(self).items()}}


@dataclass(frozen=True)
class Constant(Distribution):
    """Always the same value."""

    value: Any
    name = "constant"

    def quantile(self, u: float) -> Any:
        return self.value

    def support(self) -> tuple[Any, ...] | None:
        return (self.value,)


@dataclass(frozen=True)
class Categorical(Distribution):
    """One of ``values``, all equally likely or with ``probabilities`` that sum to 1."""

    values: tuple[Any, ...]
    probabilities: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        return "categorical" if self.probabilities is None else "categorical_w_probabilities"

    def quantile(self, u: float) -> Any:
        if self.probabilities is None:
            return self.values[min(int(u * len(self.values)), len(self.values) - 1)]
        total = 0.0
        for value, probability in zip(self.values, self.probabilities, strict=True):
            total += probability
            if u < total:
                return value
        return self.values[-1]

    def support(self) -> tuple[Any, ...] | None:
        return self.values

    def as_dict(self) -> dict[str, Any]:
        return {k: v for k, v in super().as_dict().items() if v is not None}


@dataclass(frozen=True)
class IntUniform(Distribution):
    """An integer from ``min`` to ``max``, both included."""

    min: int
    max: int
    name = "int_uniform"

    def quantile(self, u: float) -> int:
        return min(self.min + int(u * (self.max - self.min + 1)), self.max)

    def support(self) -> tuple[int, ...] | None:
        if self.max - self.min >= _MOST_VALUES:
            return None
        return tuple(range(self.min, self.max + 1))


def _uniform(u: float, low: float, high: float) -> float:
    return min(max(low + u * (high - low), low), high)


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _log_uniform_values(u: float, low: float, high: float) -> float:
    # exp(log(x)) is not always x: the limits are kept.
    return min(max(_exp(_uniform(u, math.log(low), math.log(high))), low), high)


def _normal(u: float, mu: float, sigma: float) -> float:
    if not 0 < u < 1:
        return -math.inf if u <= 0 else math.inf
    return NormalDist(mu, sigma).inv_cdf(u)


def _beta(u: float, a: float, b: float) -> float:
    from scipy.special import betaincinv  # slow to import, and rarely needed

    return float(betaincinv(a, b, u))


@dataclass(frozen=True)
class Law:
    """A law of real numbers: its arguments in order, their defaults, its quantile function."""

    arguments: tuple[str, ...]
    defaults: Mapping[str, float]
    quantile: Callable[[float, float, float], float]


_LIMITS = ("min", "max"), dict[str, float]()
_MOMENTS = ("mu", "sigma"), {"mu": 0.0, "sigma": 1.0}

LAWS: dict[str, Law] = {
    "uniform": Law(*_LIMITS, _uniform),
    # min and max are exponents of e
    "log_uniform": Law(*_LIMITS, lambda u, low, high: _exp(_uniform(u, low, high))),
    "log_uniform_values": Law(*_LIMITS, _log_uniform_values),
    # log(1/x) is uniform
    "inv_log_uniform": Law(*_LIMITS, lambda u, low, high: _exp(-_uniform(1 - u, low, high))),
    "inv_log_uniform_values": Law(*_LIMITS, _log_uniform_values),  # the same law by its limits
    "normal": Law(*_MOMENTS, _normal),
    "log_normal": Law(*_MOMENTS, lambda u, mu, sigma: _exp(_normal(u, mu, sigma))),
    "beta": Law(("a", "b"), {"a": 1.0, "b": 1.0}, _beta),
}


@dataclass(frozen=True)
class Continuous(Distribution):
    """A real number that follows one of ``LAWS``, rounded to multiples of ``q`` if there is one.

    Where ``q`` is an int the multiples are too, as W&B has it.
    """

    law: str
    arguments: tuple[float, float]
    q: float | None = None

    @property
    def name(self) -> str:
        return self.law if self.q is None else f"q_{self.law}"

    @property
    def whole(self) -> bool:
        """Whether the values are ints."""
        return isinstance(self.q, int)

    def quantile(self, u: float) -> float:
        value = LAWS[self.law].quantile(u, *self.arguments)
        return value if self.q is None or math.isinf(value) else _multiple(value, self.q)

    def support(self) -> tuple[float, ...] | None:
        low, high = self.quantile(0), self.quantile(1)
        if self.q is None or not (high - low) / self.q < _MOST_VALUES:
            return None
        steps = range(round(low / self.q), round(high / self.q) + 1)
        return tuple(_multiple(k * self.q, self.q) for k in steps)

    def grid(self) -> tuple[float, ...] | None:
        """What W&B's grid search takes for q_uniform, else None.

        These are min, min + q, … below max, as ``numpy.arange`` counts them: rounding may bring
        max in (0.1 to 0.4 by 0.1 has 0.4, 0.1 to 0.5 by 0.1 has no 0.5).
        """
        if self.law != "uniform" or self.q is None:
            return None
        low, high = self.arguments
        steps = math.ceil((high - low) / self.q)
        if steps > _MOST_VALUES:
            return None
        values = [_clean(low + k * self.q) for k in range(steps)]
        whole = self.whole and low.is_integer()
        return tuple(int(value) if whole else value for value in values)

    def as_dict(self) -> dict[str, Any]:
        arguments = dict(zip(LAWS[self.law].arguments, self.arguments, strict=True))
        return {"distribution": self.name, **arguments, **({"q": self.q} if self.q else {})}


def _clean(value: float) -> float:
    """0.3 for 0.30000000000000004: what a user would have written."""
    return float(f"{value:.12g}")


def _multiple(value: float, q: float) -> float:
    steps = round(value / q)
    return steps * q if isinstance(q, int) else _clean(steps * q)


@dataclass(frozen=True)
class Kind:
    """How a sweep file writes a distribution: required keys, keys with defaults, what makes it."""

    needs: tuple[str, ...]
    defaults: Mapping[str, float]
    make: Callable[..., Distribution]


def _continuous(law: str, **arguments: float) -> Continuous:
    q = arguments.pop("q", None)
    first, second = (float(arguments[name]) for name in LAWS[law].arguments)
    return Continuous(law, (first, second), q)


def _kind(law: str, **more: float) -> Kind:
    needs = tuple(name for name in LAWS[law].arguments if name not in LAWS[law].defaults)
    return Kind(needs, {**LAWS[law].defaults, **more}, partial(_continuous, law))


DISTRIBUTIONS: dict[str, Kind] = {
    "constant": Kind(("value",), {}, Constant),
    "categorical": Kind(("values",), {}, Categorical),
    "categorical_w_probabilities": Kind(("values", "probabilities"), {}, Categorical),
    "int_uniform": Kind(("min", "max"), {}, IntUniform),
    **{law: _kind(law) for law in LAWS},
    **{
        f"q_{law}": _kind(law, q=1.0)
        for law in ("uniform", "log_uniform", "log_uniform_values", "normal", "log_normal", "beta")
    },
}


def plain(value: Any) -> Any:
    """A value as JSON has it: tuples as lists, convolutions as dictionaries."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value
