"""What a job needs on another machine: the user's code is shipped, the data must be there."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.data import function_of
from dlsweep.config.own_code import OwnCode
from dlsweep.config.own_model import is_own, place_and_name
from dlsweep.data import describe
from dlsweep.data._cache import cache_root


class NodeError(ConfigError):
    """A node of a cluster lacks what the others have; the text is one line."""


@dataclass(frozen=True)
class Needs:
    """The user's code and data that a job needs.

    Attributes:
        code: the files of the models and functions.
        content: the digest of the data; see ``DataFacts.content``.
    """

    code: tuple[OwnCode, ...]
    content: str

    @classmethod
    def of(cls, configs: Sequence[RunConfig]) -> Needs:
        """Those of runs that share their data.

        Raises:
            ConfigError: it is not here either.
        """
        places = dict.fromkeys(place for config in configs for place in _places(config))
        code = (OwnCode.of(place, setting) for setting, place in places)
        return cls(tuple(filter(None, code)), describe(configs[0]).content)

    def meet(self, config: RunConfig) -> None:
        """Make the code importable in this process, and check the data.

        Raises:
            NodeError: the data is not here, or is other data than the driver's.
        """
        for code in self.code:
            code.supply(cache_root() / "code" / code.digest)
        host = platform.node()
        try:
            found = describe(config, again=True).content
        except ConfigError as error:
            why = f"it is not so on node {host}; let every node see the data under the same path"
            raise NodeError([f"{error.problems[0]}; {why}"]) from error
        if found != self.content:
            what = f"{config.dataset} on node {host} is other data than that of this machine"
            raise NodeError([f"dataset: {what} (digest {found}, not {self.content})"])


def _places(config: RunConfig) -> Iterator[tuple[str, str]]:
    """The settings that name code of the user's own, and the files that it is in."""
    if is_own(config.model):
        yield "model", place_and_name(config.model)[0]
    for setting, value in (("dataset", config.dataset), ("features", config.features)):
        if value is not None and (found := function_of(value)):
            yield setting, found[0]
