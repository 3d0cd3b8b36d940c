"""The space of a sweep: its points as coordinates, as settings, and as configurations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from dlsweep.config import SETTINGS, ConfigError, RunConfig
from dlsweep.config.errors import shown
from dlsweep.sweep.file._distributions import (
    Categorical,
    Constant,
    Continuous,
    Distribution,
    IntUniform,
    plain,
)

Coordinates = dict[str, Any]
"""A point as the study stores it: numbers, text, booleans and none, by parameter name."""

_INTERACTING = {"hidden_size", "num_layers", "model", "conv_layers", "dataset"}
_INTERACTING |= {"backend", "batch_norm", "dropout", "device", "batch_size"}
_INTERACTING |= {"val_fraction", "train_size"}
_MOST_COMBINATIONS = 20_000
EDGE = 1e-9
"""Quantiles stay so far from 0 and 1, where the normal distribution is infinite."""


@dataclass(frozen=True)
class Axis:
    """One setting that the sweep varies.

    The coordinate is the value, lists as JSON text, where samplers know the distribution
    (``natural``). It is the quantile u in (0, 1), named "SETTING.quantile", of normal, beta and
    the like.
    """

    setting: str
    distribution: Distribution

    @cached_property
    def natural(self) -> bool:
        """Whether the coordinate is the value itself."""
        d = self.distribution
        if not isinstance(d, Continuous):
            return True
        if d.q is None:
            return "uniform" in d.law
        # Samplers step from the smallest value to the largest: the steps must fit exactly.
        low, high, q = (Decimal(repr(v)) for v in (d.quantile(0), d.quantile(1), d.q))
        return d.law == "uniform" and (high - low) % q == 0

    @property
    def parameter(self) -> str:
        """The coordinate's name."""
        return self.setting if self.natural else f"{self.setting}.quantile"

    @cached_property
    def choices(self) -> dict[Any, Any]:
        """The values of a categorical axis by their coordinates."""
        assert isinstance(self.distribution, Categorical)
        return {coordinate(value): value for value in self.distribution.values}

    def at(self, u: float) -> Any:
        """The coordinate at u in [0, 1]."""
        u = min(max(u, EDGE), 1 - EDGE)
        return coordinate(self.distribution.quantile(u)) if self.natural else u

    def value(self, coordinate: Any) -> Any:
        """The setting's value at a coordinate."""
        if isinstance(self.distribution, Categorical):
            return self.choices[coordinate]
        return coordinate if self.natural else self.distribution.quantile(coordinate)

    def locate(self, value: Any) -> Any:
        """The coordinate of a value of the setting; None, or a near one, where it has none."""
        d = self.distribution
        if isinstance(d, Categorical):
            return coordinate(value)
        if not isinstance(value, int | float):
            return None
        if isinstance(d, IntUniform):
            return int(value)
        assert isinstance(d, Continuous)
        return float(value) if self.natural else _inverse(d, float(value))

    def has(self, found: Any, value: Any) -> bool:
        """Whether the point at a coordinate ``found`` is on the axis and has this value there.

        A quantile is a number of limited precision, so values between two of them count as well.
        """
        d = self.distribution
        if isinstance(d, Categorical):
            return found in self.choices and self.choices[found] == value
        if found is None:
            return False
        if not self.natural:
            return math.isclose(d.quantile(found), value, rel_tol=1e-12)
        low, high = d.quantile(0), d.quantile(1)
        steps = (found - low) / d.q if isinstance(d, Continuous) and d.q else 0.0
        return low <= found <= high and found == value and math.isclose(steps, round(steps))


def coordinate(value: Any) -> Any:
    """A value as a study can store it: lists as JSON text."""
    return json.dumps(plain(value)) if isinstance(value, tuple) else value


def _inverse(distribution: Continuous, value: float) -> float:
    """The u in (0, 1) whose quantile is ``value`` or, where there is none, next to it."""
    low, high = EDGE, 1 - EDGE
    while (u := (low + high) / 2) not in (low, high):
        found = distribution.quantile(u)
        if found == value:
            return u
        low, high = (u, high) if found < value else (low, u)
    # In the last digit, quantile functions are not monotonic.
    near = sorted((low + i * math.ulp(low) for i in range(-32, 33)), key=lambda u: abs(u - low))
    inside = (u for u in near if EDGE <= u <= 1 - EDGE)
    return next((u for u in inside if distribution.quantile(u) == value), low)


class Space:
    """The points of a sweep.

    Args:
        parameters: the distribution of each setting, in the order of the settings' names.
        grid: take q_uniform as W&B's grid search lists it.
    """

    def __init__(self, parameters: Mapping[str, Distribution], *, grid: bool = False) -> None:
        self.fixed: dict[str, Any] = {}
        axes = []
        for name, distribution in parameters.items():
            if grid and isinstance(distribution, Continuous | IntUniform):
                listed = distribution.grid() if isinstance(distribution, Continuous) else None
                distribution = Categorical(listed or distribution.support() or ())
            if isinstance(distribution, Constant):
                self.fixed[name] = distribution.value
            else:
                axes.append(Axis(name, distribution))
        self.axes = tuple(axes)

    @cached_property
    def _supports(self) -> tuple[tuple[Any, ...], ...] | None:
        """The values of every axis; None where one of them cannot be listed."""
        found = [axis.distribution.support() if axis.natural else None for axis in self.axes]
        return None if None in found else tuple(s for s in found if s is not None)

    @cached_property
    def size(self) -> int | None:
        """The number of points, valid or not; None where they cannot be listed."""
        return None if self._supports is None else math.prod(len(s) for s in self._supports)

    def at(self, index: int) -> Coordinates:
        """The point at ``index`` of a listable space; the last axis varies fastest, as in W&B."""
        assert self._supports is not None
        found: Coordinates = {}
        for axis, support in reversed([*zip(self.axes, self._supports, strict=True)]):
            index, place = divmod(index, len(support))
            found[axis.parameter] = coordinate(support[place])
        return dict(reversed(found.items()))

    def random(self, seed: int, index: int) -> Coordinates:
        """The random point with the address (seed, index): the same whenever it is asked for."""
        uniform = np.random.default_rng([seed, index]).random(len(self.axes))
        return {a.parameter: a.at(float(u)) for a, u in zip(self.axes, uniform, strict=True)}

    def neighbour(self, coordinates: Coordinates, seed: int, index: int) -> Coordinates:
        """The point with one coordinate, chosen at random, drawn anew."""
        generator = np.random.default_rng([seed, index])
        axis = self.axes[generator.integers(len(self.axes))]
        return {**coordinates, axis.parameter: axis.at(float(generator.random()))}

    def settings(self, coordinates: Coordinates) -> dict[str, Any]:
        """The settings at a point; a list of hidden sizes also says the number of layers."""
        varied = {a.setting: a.value(coordinates[a.parameter]) for a in self.axes}
        return _with_layers(self.fixed | varied)

    def config(self, coordinates: Coordinates) -> RunConfig:
        """The configuration at a point. Raises ConfigError where its settings contradict."""
        return RunConfig(**self.settings(coordinates))

    def restore(self, stored: Mapping[str, Any]) -> RunConfig | None:
        """The configuration that a study has stored, by its ``as_dict``.

        None where this version of dlsweep has no such configuration.
        """
        try:
            return RunConfig(**{k: v for k, v in stored.items() if k in SETTINGS})
        except ConfigError:
            return None

    def locate(self, config: RunConfig) -> Coordinates | None:
        """The point that has a configuration, the inverse of ``config``; None where none has it.

        A setting that is drawn from a normal distribution, beta and the like may differ from the
        point's by what is lost in rounding; one that was drawn from this space does not.
        """
        found: Coordinates = {}
        for axis in self.axes:
            value = getattr(config, axis.setting)
            found[axis.parameter] = axis.locate(value)
            if not axis.has(found[axis.parameter], value):
                return None
        rounded = {a.setting: getattr(config, a.setting) for a in self.axes if not a.natural}
        try:
            there = RunConfig(**{**self.settings(found), **rounded})
        except ConfigError:
            return None
        return found if there == config else None

    def identity(self, config: RunConfig | Mapping[str, Any]) -> str:
        """What tells a configuration of this space from the others: the settings that vary.

        Args:
            config: a configuration, or what its ``as_dict`` gave.
        """
        settings = config if isinstance(config, Mapping) else vars(config)
        names = [axis.setting for axis in self.axes]
        names += ["num_layers"] if "hidden_size" in names else []
        return json.dumps([plain(settings.get(name)) for name in names])

    @cached_property
    def combinations(self) -> tuple[list[str], list[str], float]:
        """What the settings that depend on each other allow.

        Returns:
            Problems (a setting's value that no combination allows), notices, and the share of the
            combinations that is valid, from 0 to 1.
        """
        axes = [axis for axis in self.axes if axis.setting in _INTERACTING]
        listed = [a.distribution.support() or (a.distribution.quantile(0.5),) for a in axes]
        total = math.prod(map(len, listed))
        if total > _MOST_COMBINATIONS:
            return [], [], 1.0
        fixed = {k: v for k, v in self.fixed.items() if k in _INTERACTING}
        allowed: set[tuple[str, Any]] = set()
        reasons: dict[tuple[str, Any], str] = {}  # the first for each value that was refused
        refused: list[str] = []
        for values in product(*listed):
            pairs = [(axis.setting, value) for axis, value in zip(axes, values, strict=True)]
            try:
                RunConfig(**_with_layers(fixed | dict(pairs)))
                allowed.update(pairs)
            except ConfigError as error:
                refused.append(error.problems[0])
                for pair in pairs:
                    reasons.setdefault(pair, refused[-1])
        if len(refused) == total:
            return refused[:1], [], 0.0
        problems = [
            f"{name}: {shown(plain(value))} never fits: {reason}"
            for (name, value), reason in reasons.items()
            if (name, value) not in allowed
        ]
        notices = []
        if refused and not problems:
            names = ", ".join(axis.setting for axis in axes)
            notices.append(
                f"{len(refused)} of {total} combinations of {names} contradict themselves; they "
                f"are recorded as failed and do not count: {refused[0]}"
            )
        return problems, notices, 1 - len(refused) / total


def _with_layers(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings in which a list of hidden sizes also says the number of layers."""
    sizes = settings.get("hidden_size")
    return {"num_layers": len(sizes), **settings} if isinstance(sizes, tuple) else settings
