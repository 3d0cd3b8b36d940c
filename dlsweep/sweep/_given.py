"""A run that a W&B sweep has given to an agent: what is known of it until it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.sweep._metric import Metric
from dlsweep.sweep._rows import Row, objective
from dlsweep.sweep._study import Point
from dlsweep.training import EpochMetrics


@dataclass(eq=False)
class GivenRun:
    """See above.

    Attributes:
        point: its configuration, and what it is called.
        given: the settings as the sweep gave them.
        history: its epochs so far.
        deaths: how often its process has died.
    """

    point: Point
    given: Mapping[str, Any]
    history: list[EpochMetrics] = field(default_factory=list)
    deaths: int = 0

    @property
    def id(self) -> str:
        """W&B's."""
        return self.point.run_id

    @property
    def config(self) -> RunConfig:
        """Its configuration."""
        return self.point.config

    def row(self, status: str, metric: Metric, summary: Mapping[str, Any], reason: str) -> Row:
        """What is noted down of it when it is over."""
        history = [metrics.as_dict() for metrics in self.history]
        return Row(
            number=self.point.number,
            run_id=self.id,
            name=self.point.name,
            status=status,
            config=self.config.as_dict() if history else dict(self.given),
            summary=dict(summary),
            history=history,
            value=objective(metric, history, summary) if history else None,
            reason=reason,
        )
