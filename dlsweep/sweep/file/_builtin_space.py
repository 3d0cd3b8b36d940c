"""The space of a sweep of built-in networks, whose settings depend on each other."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

from dlsweep.config import VARIANT, ConfigError, RunConfig, canonical_variant
from dlsweep.config.errors import shown
from dlsweep.config.model_options import model_options
from dlsweep.config.own_model import is_own
from dlsweep.config.relations import DECIDING, is_idle
from dlsweep.data import data_problems
from dlsweep.parts import BACKENDS
from dlsweep.sweep.file._data import KnownData
from dlsweep.sweep.file._distributions import plain
from dlsweep.sweep.file._settings import Config
from dlsweep.sweep.file._space import Axis, Coordinates, Space
from dlsweep.sweep.file._variant import as_settings, varied_together

_INTERACTING = {"hidden_size", "num_layers", "model", "conv_layers", "dataset"}
_INTERACTING |= {"backend", "batch_norm", "dropout", "device", "batch_size"}
_INTERACTING |= {"val_fraction", "train_size", "image_size", "color", "classes", "skip_bad"}
_INTERACTING |= {"features", "features_weights"}
_MOST_COMBINATIONS = 20_000


class BuiltinSpace(Space):
    """Points whose configurations are ``RunConfig``; see ``Space``.

    Attributes:
        data: what is known of the data sets; contradictions to it are found too.
    """

    @cached_property
    def data(self) -> KnownData:
        """Of data that has to be read first nothing is known, unless another one is set."""
        return KnownData(read=False)

    def settings(self, coordinates: Coordinates) -> dict[str, Any]:
        """The settings at a point; a list of hidden sizes also says the number of layers.

        Those of its variant stand among the others, in the place of fixed ones.
        """
        return self._merged(super().settings(coordinates))

    def _merged(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings of a point with those of its variant in their place."""
        if not self._together:
            return _with_layers(settings)
        beside = {name: value for name, value in settings.items() if name != VARIANT}
        return _with_layers(beside) | self._variants[_key(settings.get(VARIANT, {}))]

    @cached_property
    def _variants(self) -> dict[str, dict[str, Any]]:
        """The settings of each variant, by its text."""
        listed = [a.distribution.support() for a in self.axes if a.setting == VARIANT]
        found: dict[str, dict[str, Any]] = {_key({}): {}}
        for variant in (listed[0] or ()) if listed else (self.fixed.get(VARIANT, {}),):
            model = variant.get("model", self.fixed.get("model"))
            options = model_options(model) if model and is_own(model) else {}
            found[_key(variant)] = canonical_variant(variant, options)[0]
        return found

    @cached_property
    def _together(self) -> list[str]:
        """The settings that any variant has."""
        return varied_together(self._parameters)

    def config(self, coordinates: Coordinates) -> RunConfig:
        """The configuration at a point. Raises ConfigError where its settings contradict."""
        return self._checked(self.settings(coordinates))

    def _checked(self, settings: dict[str, Any]) -> RunConfig:
        """The configuration; raises ConfigError where its data set cannot serve it."""
        config = RunConfig(**settings)
        facts = self.data.of(config)
        if facts is not None and (problems := data_problems(config, facts)):
            raise ConfigError(problems)
        return config

    def restore(self, stored: Mapping[str, Any]) -> RunConfig | None:
        """The configuration that a study has stored; None where it is none of this version's."""
        try:
            return RunConfig.restore(stored)
        except ConfigError:
            return None

    def _settings_of(self, config: Config) -> Mapping[str, Any]:
        return self.with_variant(
            config.values() if isinstance(config, RunConfig) else config.values
        )

    def with_variant(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings with the variant that they are of, where the sweep varies that."""
        if not any(axis.setting == VARIANT for axis in self.axes):
            return settings
        own = {name: settings.get(name) for name in self._together}
        beside = _with_layers(RunConfig().values() | self.fixed)
        for text, variant in self._variants.items():
            merged = beside | variant
            if {name: merged.get(name) for name in self._together} == own:
                return {**settings, VARIANT: json.loads(text)}
        return settings

    def _is(self, config: Config, settings: dict[str, Any]) -> bool:
        try:
            return RunConfig(**settings) == config
        except ConfigError:
            return False

    @cached_property
    def _identifying(self) -> list[str]:
        names = [axis.setting for axis in self.axes if axis.setting != VARIANT]
        names += [name for name in self._together if name not in names]
        return names + ["num_layers"] * ("hidden_size" in names)

    def identity(self, config: Config | Mapping[str, Any]) -> str:
        """The key by which configurations are equal, whatever settings without effect say."""
        settings = config if isinstance(config, Mapping) else self._settings_of(config)
        named = [(n, None if is_idle(n, settings) else settings.get(n)) for n in self._identifying]
        return json.dumps([plain(value) for _, value in named])

    def _backends(self) -> Sequence[str]:
        """Those that runs may have."""
        parameters = as_settings(self._parameters)
        known = parameters["backend"].support() if "backend" in parameters else None
        return known or [RunConfig().backend]

    def _concerns(self, axis: Axis, names: Collection[str]) -> bool:
        """Whether an axis is one of these settings, or the variants have any of them."""
        if axis.setting == VARIANT:
            return not set(names).isdisjoint(self._together)
        return axis.setting in names

    @cached_property
    def combinations(self) -> tuple[list[str], list[str], float]:
        """What settings that depend on each other allow."""
        interacting = _INTERACTING.union(*(BACKENDS[name].only for name in self._backends()))
        axes = [axis for axis in self.axes if self._concerns(axis, interacting)]
        listed = [a.distribution.support() or (a.distribution.quantile(0.5),) for a in axes]
        total = math.prod(map(len, listed))
        if total > _MOST_COMBINATIONS:
            return [], *self._distinct(frozenset(), ())
        fixed = {k: v for k, v in self.fixed.items() if k in interacting or k == VARIANT}
        allowed: set[tuple[str, str]] = set()
        reasons: dict[tuple[str, str], tuple[Any, str]] = {}  # the first for each refused value
        refused: list[str] = []
        invalid = set()
        for values in product(*listed):
            pairs = [(axis.setting, value) for axis, value in zip(axes, values, strict=True)]
            keys = [(name, _key(value)) for name, value in pairs]
            try:
                self._checked(self._merged(fixed | dict(pairs)))
                allowed.update(keys)
            except ConfigError as error:
                refused.append(error.problems[0])
                invalid.add(tuple(map(_key, values)))
                for key, value in zip(keys, values, strict=True):
                    reasons.setdefault(key, (value, refused[-1]))
        if len(refused) == total:
            return refused[:1], [], 0.0
        problems = [
            f"{name}: {shown(plain(value))} never fits: {reason}"
            for (name, key), (value, reason) in reasons.items()
            if (name, key) not in allowed
        ]
        notices = []
        if refused and not problems:
            names = ", ".join(axis.setting for axis in axes)
            notices.append(
                f"{len(refused)} of {total} combinations of {names} contradict themselves; they "
                f"are recorded as failed and do not count: {refused[0]}"
            )
        more, share = self._distinct(invalid, [axis.setting for axis in axes])
        return problems, notices + more, share

    def _distinct(
        self, invalid: Collection[tuple[str, ...]], names: Sequence[str]
    ) -> tuple[list[str], float]:
        """How many combinations are left without those that equal others in what has an effect.

        Args:
            invalid: combinations of the settings ``names`` that contradict themselves, as text.
            names: these settings.

        Returns:
            A notice where some are equal, and the share of all that is valid and is trained.
        """
        axes = [a for a in self.axes if self._concerns(a, DECIDING) or a.setting in names]
        listed = [a.distribution.support() or (a.distribution.quantile(0.5),) for a in axes]
        total = math.prod(map(len, listed))
        if total > _MOST_COMBINATIONS:
            return [], 1.0
        known = RunConfig().values() | self._merged(self.fixed)
        valid, found = 0, set[str]()
        idle, often = Counter[str](), Counter[str]()
        for values in product(*listed):
            own = {axis.setting: value for axis, value in zip(axes, values, strict=True)}
            if tuple(_key(own[name]) for name in names) in invalid:
                continue
            valid += 1
            merged = self._merged(own)
            settings = known | merged
            key = self.identity(settings)
            now = [name for name in merged if is_idle(name, settings)]
            often.update(now)
            idle.update(now if key in found else ())
            found.add(key)
        here = [name for name in idle if often[name] < valid]  # else it is said to have none at all
        if not here or not valid:
            return [], len(found) / total
        among = ", ".join(a.setting for a in axes if self._concerns(a, DECIDING))
        line = f"{valid - len(found)} of {valid} combinations of {among} are equal to others, for "
        line += f"{' and '.join(here)} {'has' if len(here) == 1 else 'have'} no effect there; each "
        line += "is trained once"
        return [line], len(found) / total


def _key(value: Any) -> str:
    """A value as text that no other value has."""
    return json.dumps(plain(value), sort_keys=True)


def _with_layers(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings in which a list of hidden sizes also says the number of layers."""
    sizes = settings.get("hidden_size")
    return {"num_layers": len(sizes), **settings} if isinstance(sizes, tuple) else settings
