"""``RunConfig``: the checked settings of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlsweep.config.errors import ConfigError, shown
from dlsweep.config.fields import SETTINGS, Fields
from dlsweep.config.model_options import REQUIRED, model_options
from dlsweep.config.names import unknown_setting
from dlsweep.config.own_model import is_own, model_name
from dlsweep.config.relations import contradictions
from dlsweep.config.setting import from_option
from dlsweep.parts import Option


def _options(model: Any) -> Mapping[str, Option]:
    """What a model brings, where it is one of the user's own."""
    try:
        name = model_name(model)
    except ValueError:
        return {}  # none, or refused with the other settings
    return model_options(name) if is_own(name) else {}


@dataclass(frozen=True, init=False)
class RunConfig(Fields):
    """Every setting of one run. Values are checked and brought to their canonical spelling.

    Attributes:
        model_settings: the settings that a model of the user's own brings, as pairs of name and
            value. They are given among the others.

    Raises:
        ConfigError: with one line for every setting that is wrong or unknown.
    """

    model_settings: tuple[tuple[str, Any], ...] = ()

    def __init__(self, *, model_settings: Sequence[tuple[str, Any]] = (), **settings: Any) -> None:
        options = _options(settings.get("model"))
        own = {n: v for n, v in settings.items() if n in options} | dict(model_settings)
        unknown = settings.keys() - SETTINGS.keys() - own.keys()
        if unknown or own.keys() - options.keys():
            names = [
                n for n in (*settings, *own) if n in unknown or n in own.keys() - options.keys()
            ]
            raise ConfigError(unknown_setting(name, options) for name in dict.fromkeys(names))
        object.__setattr__(self, "model_settings", tuple(own.items()))
        super().__init__(**{n: v for n, v in settings.items() if n in SETTINGS})
        self._check()

    def _check(self) -> None:
        problems = []
        for name, known in SETTINGS.items():
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, known.parse(value))
            except ValueError as error:
                problems.append(f"{name}: got {shown(value)}, {error}")
        problems += self._check_model_settings()
        if not problems:  # relations between settings make sense only where each is sound
            problems = contradictions(self)
        if problems:
            raise ConfigError(problems)

    def _check_model_settings(self) -> list[str]:
        """Bring what depends on the model to its canonical values; returns what is wrong."""
        if self.weight_init is None:
            default = "torch" if is_own(str(self.model)) else "he"
            object.__setattr__(self, "weight_init", default)
        problems, values, given = [], {}, dict(self.model_settings)
        for name, option in _options(self.model).items():
            value = given.get(name, option.default)
            if value is REQUIRED:
                problems.append(f"{name}: model {self.model} needs a value for it")
            elif name in given:
                try:
                    value = from_option(option).parse(value)
                except ValueError as error:
                    problems.append(f"{name}: got {shown(value)}, {error}")
            values[name] = value
        object.__setattr__(self, "model_settings", tuple(values.items()))
        return problems

    def __getitem__(self, name: str) -> Any:
        """The value of any setting, of the model's own too, by name."""
        for own, value in self.model_settings:
            if own == name:
                return value
        return getattr(self, name)

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> RunConfig:
        """The configuration of stored settings, as ``as_dict`` gives them.

        Settings that this version does not have are left out.

        Raises:
            ConfigError: where a value is not one that its setting takes any more, or the model is
                a class that cannot be imported.
        """
        known = SETTINGS.keys() | _options(stored.get("model")).keys()
        return cls(**{name: value for name, value in stored.items() if name in known})

    def values(self) -> dict[str, Any]:
        """All settings by name; those of the model's own before others of their names."""
        return {n: getattr(self, n) for n in SETTINGS} | dict(self.model_settings)

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
        values = self.values()
        values["conv_layers"] = [layer.as_dict() for layer in self.conv_layers]
        return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}
