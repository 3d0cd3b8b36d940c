"""Runs of given configurations, which a user adds to a study."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dlsweep.sweep.file import Config
from dlsweep.sweep.study import Run, Study


@dataclass(frozen=True)
class Addition:
    """A run that is to be added.

    Attributes:
        config: its configuration.
        role, repeat_of: see ``Run``.
    """

    config: Config
    role: str = "extra"
    repeat_of: int | None = None


class Adding:
    """Hands out the runs that are added to a study, in place of a search.

    Args:
        additions: the new runs.
        again: the numbers of runs that were added before and wait, for their process has died.
    """

    def __init__(self, additions: Sequence[Addition], again: Collection[int] = ()) -> None:
        self.again = tuple(again)
        self._waiting = deque(additions)

    def __len__(self) -> int:
        return len(self._waiting) + len(self.again)

    @property
    def done(self) -> bool:
        """Whether there is nothing more to hand out."""
        return not self._waiting

    def take(self, study: Study, n: int) -> list[Run]:
        """Up to ``n`` of the new runs, stored in the study."""
        taken = [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]
        runs: list[Run] = []
        for role in dict.fromkeys(addition.role for addition in taken):
            own = [addition for addition in taken if addition.role == role]
            repeated = [addition.repeat_of for addition in own]
            runs += study.add_runs([addition.config for addition in own], role, repeated)
        return runs
