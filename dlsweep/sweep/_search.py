"""Which point comes next: grid, random and bayes, each configuration once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dlsweep.config import ConfigError, RunConfig
from dlsweep.sweep._file import SweepFile
from dlsweep.sweep._sampler import STARTUP, Bayes
from dlsweep.sweep._space import Coordinates

_REDRAWS = 100  # a draw is repeated so often where it gives a configuration that is already there
_REFUSALS = 50  # so many invalid points in a row are recorded
_NEIGHBOURS = 50  # TPE proposes its favourite again and again; so many points next to it are tried
_LISTABLE = 1_000_000  # a space of at most so many points is searched for the last ones left


@dataclass(frozen=True)
class Draft:
    """A point before it has a number: ``config`` is None where it is invalid for ``reason``."""

    index: int
    coordinates: Coordinates
    config: RunConfig | None
    reason: str = ""
    ticket: int | None = None


class Search:
    """The points of a sweep in the order in which they are tried.

    Grid follows W&B's order. A random point is a function of the seed and its index alone, so a
    study that is continued draws what it would have drawn. Bayes draws at random until
    ``STARTUP`` results are there.

    Args:
        sweep: what is searched.
        seed: of the random points and of TPE.
        start: the index to go on from; one more than the greatest index so far.
        tried: the coordinates of the points so far.
        configs: the configurations of the points so far.
    """

    def __init__(
        self,
        sweep: SweepFile,
        seed: int,
        start: int = 0,
        tried: Iterable[Coordinates] = (),
        configs: Iterable[RunConfig] = (),
    ) -> None:
        self._sweep = sweep
        self._space = sweep.space
        self._seed = seed
        self._index = start
        self._tried = {_key(coordinates) for coordinates in tried}
        self._configs = set(configs)
        self._refusals = 0
        self.bayes: Bayes | None = None
        if sweep.method == "bayes" and self._space.axes:
            self.bayes = Bayes(self._space.axes, sweep.metric.goal, seed + start)

    def next(self) -> Draft | None:
        """The next point; None where there is none left.

        Raises:
            ConfigError: nothing but invalid points is found.
        """
        for draft in self._candidates():
            key = _key(draft.coordinates)
            known = key in self._tried or draft.config in self._configs
            self._tried.add(key)
            if known or (draft.config is None and self._refusals >= _REFUSALS):
                if draft.ticket is not None and self.bayes is not None:
                    self.bayes.refuse(draft.ticket)
                continue
            if draft.config is None:
                self._refusals += 1
                if draft.ticket is not None and self.bayes is not None:
                    self.bayes.refuse(draft.ticket)
            else:
                self._refusals = 0
                self._configs.add(draft.config)
            return draft
        if self._refusals >= _REFUSALS and not self._listable:
            raise ConfigError(
                [f"parameters: {_REFUSALS} points in a row were no valid configurations"]
            )
        return None

    def saw(self, point: Mapping[str, Any], config: RunConfig | None) -> None:
        """A point that another process has drawn; it is not drawn here any more.

        Args:
            point: its ``coordinates`` and its ``index``.
            config: its configuration, where it is valid.
        """
        if "coordinates" in point:
            self._index = max(self._index, point["index"] + 1)
            self._tried.add(_key(point["coordinates"]))
        if config is not None:
            self._configs.add(config)

    @property
    def _listable(self) -> bool:
        return self._space.size is not None and self._space.size <= _LISTABLE

    def _candidates(self) -> Iterator[Draft]:
        if self._sweep.method == "grid":
            while self._space.size is not None and self._index < self._space.size:
                yield self._draft(self._space.at(self._index))
            return
        if self.bayes is not None and self.bayes.told >= STARTUP:
            ticket, coordinates = self.bayes.propose()
            yield self._draft(coordinates, ticket)
            for _ in range(_NEIGHBOURS):
                yield self._draft(self._space.neighbour(coordinates, self._seed, self._index))
        for _ in range(_REDRAWS):
            yield self._draft(self._space.random(self._seed, self._index))
        if self._listable:
            size = self._space.size or 0
            offset = self._seed % size if size else 0
            for i in range(size):
                coordinates = self._space.at((offset + i) % size)
                if _key(coordinates) not in self._tried:
                    yield self._draft(coordinates)

    def _draft(self, coordinates: Coordinates, ticket: int | None = None) -> Draft:
        index = self._index
        self._index += 1
        try:
            return Draft(index, coordinates, self._space.config(coordinates), "", ticket)
        except ConfigError as error:
            return Draft(index, coordinates, None, "; ".join(error.problems), ticket)


def _key(coordinates: Coordinates) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(coordinates.items()))
