"""``RunConfig``: the checked settings of one run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlsweep.config.errors import ConfigError, nearest, shown
from dlsweep.config.fields import SETTINGS, Fields
from dlsweep.config.model_options import REQUIRED, model_options
from dlsweep.config.names import unknown_setting
from dlsweep.config.own_model import is_own
from dlsweep.config.relations import contradictions
from dlsweep.config.setting import from_option


@dataclass(frozen=True)
class RunConfig(Fields):
    """Every setting of one run. Values are checked and brought to their canonical spelling.

    Attributes:
        model_settings: the settings that a model of the user's own brings; a mapping, or pairs of
            name and value.

    Raises:
        ConfigError: with one line for every setting that is wrong or unknown.
    """

    model_settings: tuple[tuple[str, Any], ...] = ()

    def __new__(cls, *_: Any, **settings: Any) -> RunConfig:
        """Refuse unknown settings with the name that is probably meant."""
        known = SETTINGS.keys() | {"model_settings"}
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise ConfigError(unknown_setting(name) for name in unknown)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        problems = []
        for name, known in SETTINGS.items():
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, known.parse(value))
            except ValueError as error:
                problems.append(f"{name}: got {shown(value)}, {error}")
        if not problems:
            problems = self._resolve()
        if not problems:  # relations between settings make sense only where each is sound
            problems = contradictions(self)
        if problems:
            raise ConfigError(problems)

    def _resolve(self) -> list[str]:
        """Set what depends on the model; returns what is wrong with its own settings."""
        own = is_own(self.model)
        if self.weight_init is None:
            object.__setattr__(self, "weight_init", "torch" if own else "he")
        given = dict(self.model_settings)
        problems: list[str] = []
        options = {}
        if own:
            try:
                options = dict(model_options(self.model))
            except ConfigError as error:
                return list(error.problems)
        for name in given.keys() - options.keys():
            close = nearest(name, options)
            hint = f"; did you mean {close!r}?" if close else ""
            problems.append(f"{name}: no such setting of model {self.model}{hint}")
        values = {}
        for name, option in options.items():
            value = given.get(name, option.default)
            if value is REQUIRED:
                problems.append(f"{name}: model {self.model} needs it, and it has no default")
            elif name not in given:
                values[name] = value
            else:
                try:
                    values[name] = from_option(option).parse(value)
                except ValueError as error:
                    problems.append(f"{name}: got {shown(value)}, {error}")
        object.__setattr__(self, "model_settings", tuple(values.items()))
        return problems

    def __getitem__(self, name: str) -> Any:
        """The value of any setting, of the model's own too, by name."""
        for own, value in self.model_settings:
            if own == name:
                return value
        return getattr(self, name)

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """The size of each fully connected hidden layer, ``num_layers`` of them."""
        if isinstance(self.hidden_size, int):
            return (self.hidden_size,) * self.num_layers
        return self.hidden_size

    def options(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """The values of some settings, such as those that a part brings."""
        return {name: self[name] for name in names}

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON has them: numbers, text, lists and dictionaries.

        Those of a model of the user's own stand among the others, and before a built-in model's of
        the same name.
        """
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(Fields)}
        values["conv_layers"] = [layer.as_dict() for layer in self.conv_layers]
        values.update(self.model_settings)
        return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}
