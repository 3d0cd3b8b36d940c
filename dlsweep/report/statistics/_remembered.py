"""What was computed once for a table is not computed again for the next block that shows it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


def remembered(function: Callable[..., T]) -> Callable[..., T]:
    """A function of a table, and of numbers, that keeps its results as long as the table lives.

    Tables do not change, so neither do the results; nor do several studies, the other argument.
    """
    results: WeakKeyDictionary[Any, dict[Any, T]] = WeakKeyDictionary()

    @functools.wraps(function)
    def wrapper(table: Any, *more: Any) -> T:
        known = results.setdefault(table, {})
        if more not in known:
            known[more] = function(table, *more)
        return known[more]

    return wrapper
