"""What a backend's file brings: what it can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from dlsweep.parts._part import Part


class Backend(Part):
    """What trains a run; ``dlsweep.training.BACKENDS`` has its learner by the same name.

    Attributes:
        stacks: whether runs are trained together; otherwise each is a stack of its own.
        gpu: whether it trains on a GPU too; otherwise on the CPU alone.
        only: settings of which it knows some values only, and these values.
    """

    stacks: ClassVar[bool] = False
    gpu: ClassVar[bool] = False
    only: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    def refuses(self, value: Callable[[str], Any]) -> list[str]:
        """What it cannot do of a configuration, one line for each setting.

        Args:
            value: of a setting, by its name.
        """
        lines = [
            f"{setting}: backend {self.name} has {', '.join(map(_shown, known))} only, got "
            f"{_shown(value(setting))}; use backend torch"
            for setting, known in self.only.items()
            if value(setting) not in known
        ]
        if not self.gpu and value("device").startswith("cuda"):
            lines.append(f"device: backend {self.name} runs on the CPU; use auto or cpu")
        return lines


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
