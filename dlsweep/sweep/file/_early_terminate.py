"""The ``early_terminate`` of a sweep file: W&B's hyperband."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from dlsweep.config.errors import fold, shown
from dlsweep.config.kinds import checked_count
from dlsweep.sweep.file._metric import number
from dlsweep.sweep.file._yaml import read_keys

_MOST_BRACKETS = 100  # W&B's own limit
_MOST_DIVISIONS = 10_000  # of max_iter by an eta next to 1


@dataclass(frozen=True)
class Hyperband:
    """W&B's early_terminate: at its brackets, runs outside the best 1/eta are stopped.

    The brackets are max_iter / etaᵏ epochs for k = 1 … s, or else min_iter · etaᵏ for k = 0, 1 ….
    A run is measured by its best epoch so far; with ``strict`` by its epoch at the bracket.
    """

    min_iter: int | None = None
    max_iter: int | None = None
    s: int | None = None
    eta: float = 3.0
    strict: bool = False

    def brackets(self, longest: int) -> list[int]:
        """The brackets up to ``longest`` epochs, in ascending order."""
        found: set[int] = set()
        if self.max_iter is not None and self.s is not None:
            bracket = float(self.max_iter)
            for _ in range(min(self.s, _MOST_DIVISIONS)):
                bracket /= self.eta
                found.add(int(bracket))
        elif self.min_iter is not None:
            brackets = (self.min_iter * self.eta**k for k in range(_MOST_BRACKETS))
            found = {int(b) for b in takewhile(lambda bracket: bracket < longest + 1, brackets)}
        return sorted(bracket for bracket in found if 1 <= bracket <= longest)


@dataclass(frozen=True)
class Asha(Hyperband):
    """Successive halving with promotion: runs pause at rungs; see ``SuccessiveHalving``.

    The rungs are min_iter · etaᵏ epochs for k = 0, 1 …, as long as they are less than max_iter.
    """

    def brackets(self, longest: int) -> list[int]:
        """The rungs up to ``longest`` epochs, in ascending order."""
        rungs = Hyperband(min_iter=self.min_iter, eta=self.eta).brackets(longest)
        return [rung for rung in rungs if self.max_iter is None or rung < self.max_iter]


def parse_early_terminate(
    written: Any, problems: list[str], *, of_program: bool = False
) -> Hyperband | None:
    """The rule of a sweep file; a line of ``problems`` for everything that is wrong with it.

    Args:
        written: the file's value.
        problems: gets the lines.
        of_program: whether the runs are those of a program, which cannot be paused.
    """
    if written is None:
        return None
    at = "early_terminate"
    if not isinstance(written, Mapping):
        problems.append(f"{at}: got {shown(written)}, expected {{type: hyperband, min_iter: 3}}")
        return None
    counts = ("min_iter", "max_iter", "s")
    keys = read_keys(written, ("type", *counts, "eta", "strict"), problems, f"{at}.")
    kind = keys.get("type")
    if kind is not None and fold(kind) == "asha":
        return _parse_asha(keys, at, problems, of_program)
    if kind is None or fold(kind) != "hyperband":
        got = "missing" if kind is None else f"got {shown(kind)}"
        problems.append(f"{at}.type: {got}; W&B knows hyperband")
    checked = {key: checked_count(f"{at}.{key}", keys.get(key), problems) for key in counts}
    if keys.get("min_iter") is None and None in (keys.get("max_iter"), keys.get("s")):
        problems.append(f"{at}: needs min_iter, or max_iter and s")
    eta = number(keys.get("eta", 3))
    if eta is None or eta <= 1:
        problems.append(f"{at}.eta: got {shown(keys['eta'])}, expected a number > 1")
        eta = 3.0
    strict = keys.get("strict", False)
    if not isinstance(strict, bool):
        problems.append(f"{at}.strict: got {shown(strict)}, expected true or false")
    rule = Hyperband(eta=eta, strict=strict is True, **checked)
    if rule.max_iter is not None and rule.s is not None and not rule.brackets(rule.max_iter):
        why = f"there is no bracket before max_iter {rule.max_iter} with eta {eta:g}"
        problems.append(f"{at}: {why}; give a larger max_iter")
    return rule


def _parse_asha(
    keys: Mapping[str, Any], at: str, problems: list[str], of_program: bool
) -> Hyperband | None:
    """The rule of type asha, which W&B does not know."""
    if of_program:
        why = "runs pause and go on from checkpoints, which a program's cannot"
        problems.append(f"{at}.type: asha: {why}; write hyperband")
    for key in ("s", "strict"):
        if keys.get(key) is not None:
            problems.append(f"{at}.{key}: has no effect with type asha")
    least, most = (
        checked_count(f"{at}.{key}", keys.get(key), problems) for key in ("min_iter", "max_iter")
    )
    eta = number(keys.get("eta", 3))
    if eta is None or eta <= 1:
        problems.append(f"{at}.eta: got {shown(keys['eta'])}, expected a number > 1")
        eta = 3.0
    return Asha(min_iter=least or 1, max_iter=most, eta=eta)
