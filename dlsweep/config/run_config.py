"""``RunConfig``: the checked settings of one run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from dlsweep.config.errors import ConfigError, shown
from dlsweep.config.fields import SETTINGS, Fields
from dlsweep.config.names import unknown_setting
from dlsweep.config.relations import contradictions


@dataclass(frozen=True)
class RunConfig(Fields):
    """Every setting of one run. Values are checked and brought to their canonical spelling.

    Raises:
        ConfigError: with one line for every setting that is wrong, or that there is not.
    """

    def __new__(cls, *_: Any, **given: Any) -> RunConfig:
        """Refuse what is no setting as everything else is refused, with the name that is meant."""
        unknown = [name for name in given if name not in SETTINGS]
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
        if not problems:  # relations between settings make sense only where each is sound
            problems = contradictions(self)
        if problems:
            raise ConfigError(problems)

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """The size of each fully connected hidden layer, ``num_layers`` of them."""
        if isinstance(self.hidden_size, int):
            return (self.hidden_size,) * self.num_layers
        return self.hidden_size

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON has them: numbers, text, lists and dictionaries."""
        values = dataclasses.asdict(self)
        values["conv_layers"] = list(values["conv_layers"])
        if isinstance(self.hidden_size, tuple):
            values["hidden_size"] = list(self.hidden_size)
        return values
