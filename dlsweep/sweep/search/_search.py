"""Which point comes next: grid, random and bayes, each configuration once."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlsweep.config import ConfigError
from dlsweep.sweep.file import Config, Coordinates, SweepFile

if TYPE_CHECKING:
    from dlsweep.sweep.search._bayes import Bayes

_REDRAWS = 100  # draws at most, where they give configurations that are already there
_REFUSALS = 50  # invalid points in a row that are recorded
_NEIGHBOURS = 50  # points tried next to TPE's favourite, which it proposes again and again
_LISTABLE = 1_000_000  # points at most of a space that is searched for the last ones left


@dataclass(frozen=True)
class Draft:
    """A point before it has a number: ``config`` is None where it is invalid for ``reason``.

    Its ``index`` is None where it was not drawn, but was to be tried first.
    """

    index: int | None
    coordinates: Coordinates
    config: Config | None
    reason: str = ""
    ticket: int | None = None


class Search:
    """The points of a sweep in the order in which they are tried.

    Grid follows W&B's order. A random point is a function of the seed and its index alone, so a
    study that is continued draws what it would have drawn. Bayes draws at random until
    ``STARTUP`` results are there. Of each point eight bytes are kept, and what the next one costs
    with grid and random does not depend on how many there are.

    Args:
        sweep: what is searched.
        seed: of the random points and of TPE.
        start: the index to go on from; one more than the greatest index so far.
        first: points that are tried before all others.
    """

    def __init__(
        self, sweep: SweepFile, seed: int, start: int = 0, first: Sequence[Coordinates] = ()
    ) -> None:
        self._first = deque(first)
        self._sweep = sweep
        self._space = sweep.space
        self._seed = seed
        self._index = start
        self._known: set[int] = set()
        self._refusals = 0
        self._listed = 0  # points of a listable space that were looked at, once draws gave nothing
        self.bayes: Bayes | None = None
        if sweep.method == "bayes" and self._space.axes:
            from dlsweep.sweep.search._bayes import Bayes  # Optuna, slow to import

            self.bayes = Bayes(self._space.axes, [m.goal for m in sweep.metrics], seed + start)

    @property
    def exhausted(self) -> bool:
        """Whether every point of the space has been looked at."""
        size = self._space.size
        if size is None or self._first:
            return False
        return (self._index if self._sweep.method == "grid" else self._listed) >= size

    def add(self, coordinates: Coordinates, config: Config | Mapping[str, Any] | None) -> None:
        """Add a point that the study has already, so that it is not drawn any more.

        Args:
            coordinates: of the point.
            config: its configuration, or its ``as_dict``; None where it has no valid one.
        """
        self._known.add(_digest(coordinates))
        if config is not None:
            self._known.add(self._key(config))

    def next(self) -> Draft | None:
        """The next point; None where there is none left.

        Raises:
            ConfigError: nothing but invalid points is found.
        """
        for draft in self._candidates():
            valid = draft.config is not None
            known = _digest(draft.coordinates) in self._known
            known = known or (draft.config is not None and self._key(draft.config) in self._known)
            self.add(draft.coordinates, draft.config)
            if (known or not valid) and draft.ticket is not None and self.bayes is not None:
                self.bayes.refuse(draft.ticket)
            if not known and (valid or self._refusals < _REFUSALS):
                self._refusals = 0 if valid else self._refusals + 1
                return draft
        if self._refusals >= _REFUSALS and not self._listable:
            line = f"parameters: {_REFUSALS} points in a row were not valid configurations"
            raise ConfigError([line])
        return None

    @property
    def _listable(self) -> bool:
        return self._space.size is not None and self._space.size <= _LISTABLE

    def _candidates(self) -> Iterator[Draft]:
        while self._first:
            place = self._first.popleft()
            yield Draft(None, place, self._space.config(place))
        if self._sweep.method == "grid":
            while self._space.size is not None and self._index < self._space.size:
                yield self._draft(self._space.at(self._index))
            return
        if self.bayes is not None and self.bayes.ready:
            ticket, coordinates = self.bayes.propose()
            yield self._draft(coordinates, ticket)
            for _ in range(_NEIGHBOURS):
                yield self._draft(self._space.neighbour(coordinates, self._seed, self._index))
        for _ in range(_REDRAWS):
            yield self._draft(self._space.random(self._seed, self._index))
        if self._listable:
            size = self._space.size or 0
            while self._listed < size:
                coordinates = self._space.at((self._seed + self._listed) % size)
                self._listed += 1
                if _digest(coordinates) not in self._known:
                    yield self._draft(coordinates)

    def _draft(self, coordinates: Coordinates, ticket: int | None = None) -> Draft:
        index = self._index
        self._index += 1
        try:
            return Draft(index, coordinates, self._space.config(coordinates), "", ticket)
        except ConfigError as error:
            return Draft(index, coordinates, None, "; ".join(error.problems), ticket)

    def _key(self, config: Config | Mapping[str, Any]) -> int:
        return _digest(self._space.identity(config))


def _digest(content: object) -> int:
    """Eight bytes that stand for content of JSON: equal ones in a million have odds of 1 in 10⁷."""
    text = json.dumps(content, sort_keys=True)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
