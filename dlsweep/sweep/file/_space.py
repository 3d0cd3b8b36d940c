"""The space of a sweep: its points as coordinates."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from dlsweep.sweep.file._distributions import (
    Categorical,
    Constant,
    Continuous,
    Distribution,
    IntUniform,
    plain,
)
from dlsweep.sweep.file._settings import Config

Coordinates = dict[str, Any]
"""A point as the study stores it: numbers, text, booleans and none, by parameter name."""

EDGE = 1e-9
"""Quantiles stay so far from 0 and 1, where the normal distribution is infinite."""


@dataclass(frozen=True)
class Axis:
    """One setting that the sweep varies.

    The coordinate is the value, lists and mappings as JSON text, where samplers know the
    distribution (``natural``). It is the quantile u in (0, 1), named "SETTING.quantile", of normal,
    beta and the like.
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
        return {self.coordinate(value): value for value in self.distribution.values}

    @cached_property
    def _all_as_text(self) -> bool:
        """Whether values such as 1 and true would otherwise have the same coordinate."""
        d = self.distribution
        if not isinstance(d, Categorical):
            return False
        return len({_coordinate(value) for value in d.values}) < len(d.values)

    def coordinate(self, value: Any) -> Any:
        """A value of the setting as a study can store it, on a natural axis."""
        return _as_text(value) if self._all_as_text else _coordinate(value)

    def at(self, u: float) -> Any:
        """The coordinate at u in [0, 1]."""
        u = min(max(u, EDGE), 1 - EDGE)
        return self.coordinate(self.distribution.quantile(u)) if self.natural else u

    def value(self, coordinate: Any) -> Any:
        """The setting's value at a coordinate."""
        d = self.distribution
        if isinstance(d, Categorical):
            return self.choices[coordinate]
        if not self.natural:
            return d.quantile(coordinate)
        whole = isinstance(d, Continuous) and d.whole  # samplers make floats of them
        return round(coordinate) if whole else coordinate

    def locate(self, value: Any) -> Any:
        """The coordinate of a value of the setting; None, or a near one, where it has none."""
        d = self.distribution
        if isinstance(d, Categorical):
            return self.coordinate(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
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
            return found in self.choices and _as_text(self.choices[found]) == _as_text(value)
        if found is None:
            return False
        if not self.natural:
            return math.isclose(d.quantile(found), value, rel_tol=1e-12)
        low, high = d.quantile(0), d.quantile(1)
        steps = (found - low) / d.q if isinstance(d, Continuous) and d.q else 0.0
        return low <= found <= high and found == value and math.isclose(steps, round(steps))


def _as_text(value: Any) -> str:
    return json.dumps(plain(value), sort_keys=True)


def _coordinate(value: Any) -> Any:
    """The value itself, or JSON text of what samplers cannot tell apart or compare."""
    if isinstance(value, float):
        return value if math.isfinite(value) else _as_text(value)
    return value if value is None or isinstance(value, str | int) else _as_text(value)


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


class Space(ABC):
    """The points of a sweep, and the configurations there.

    Args:
        parameters: the distribution of each setting, in the order of the settings' names.
        grid: take q_uniform as W&B's grid search lists it.
    """

    def __init__(self, parameters: Mapping[str, Distribution], *, grid: bool = False) -> None:
        self.fixed: dict[str, Any] = {}
        self._parameters = dict(parameters)
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
            found[axis.parameter] = axis.coordinate(support[place])
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
        """The settings at a point, by name."""
        varied = {a.setting: a.value(coordinates[a.parameter]) for a in self.axes}
        return self.fixed | varied

    @abstractmethod
    def config(self, coordinates: Coordinates) -> Config:
        """The configuration at a point. Raises ConfigError where its settings contradict."""

    @abstractmethod
    def restore(self, stored: Mapping[str, Any]) -> Config | None:
        """The configuration that a study has stored, by its ``as_dict``; None if it is not one."""

    def locate(self, config: Config) -> Coordinates | None:
        """The point that has a configuration, the inverse of ``config``; None where none has it.

        A setting that is drawn from a normal distribution, beta and the like may differ from the
        point's by what is lost in rounding; one that was drawn from this space does not.
        """
        settings = self._settings_of(config)
        found: Coordinates = {}
        for axis in self.axes:
            if axis.setting not in settings:
                return None
            value = settings[axis.setting]
            found[axis.parameter] = axis.locate(value)
            if not axis.has(found[axis.parameter], value):
                return None
        rounded = {a.setting: settings[a.setting] for a in self.axes if not a.natural}
        return found if self._is(config, {**self.settings(found), **rounded}) else None

    @abstractmethod
    def _settings_of(self, config: Config) -> Mapping[str, Any]:
        """The settings of a configuration by name."""

    @abstractmethod
    def _is(self, config: Config, settings: dict[str, Any]) -> bool:
        """Whether settings of this space make a configuration."""

    def identity(self, config: Config | Mapping[str, Any]) -> str:
        """What tells a configuration of this space from the others: the settings that vary.

        Args:
            config: a configuration, or what its ``as_dict`` gave.
        """
        settings = config if isinstance(config, Mapping) else self._settings_of(config)
        return json.dumps([plain(settings.get(name)) for name in self._identifying])

    @cached_property
    def _identifying(self) -> list[str]:
        return [axis.setting for axis in self.axes]

    @property
    def combinations(self) -> tuple[list[str], list[str], float]:
        """What settings that depend on each other allow.

        Returns:
            Problems (a setting's value that no combination allows), notices, and the share of the
            combinations that is valid, from 0 to 1.
        """
        return [], [], 1.0
