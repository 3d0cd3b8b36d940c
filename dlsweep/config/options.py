"""Parsers of the settings that a part or a model declares, and what is said of their values."""

from __future__ import annotations

import functools
import math
from typing import Any

from dlsweep.config import kinds
from dlsweep.config.errors import did_you_mean, fold
from dlsweep.parts import Option


def of_option(option: Option) -> kinds.Parser:
    """The parser of a setting that a part or a model declares."""
    parse: kinds.Parser
    if option.values:
        parse = _one_of(option.values)
    elif option.type is bool:
        parse = kinds.boolean
    elif option.type is int:
        low = -kinds.MOST_SEED if option.low == -math.inf else int(option.low)
        high = kinds.MOST_SEED if option.high == math.inf else int(option.high)
        parse = kinds.integer(low, high)
    elif option.type is float:
        parse = kinds.number(option.low, option.high, above=option.above)
    elif option.type is tuple:
        parse = functools.partial(integers, low=int(max(option.low, -kinds.MOST_SEED)))
    else:
        parse = _words
    return kinds.optional(parse) if option.optional else parse


def expects(option: Option) -> str:
    """What a table of settings says of an option's values."""
    if option.values:
        said = ", ".join(option.values)
    elif option.type is bool:
        said = "true or false"
    elif option.type in (int, float):
        said = "integer" if option.type is int else "number"
        if option.high < math.inf:
            low = (
                f"{option.low:g} {'<' if option.above else '≤'} " if option.low > -math.inf else ""
            )
            said = f"{low}{said} < {option.high:g}"
        elif option.low > -math.inf:
            said = f"{said} {'>' if option.above else '≥'} {option.low:g}"
    else:
        least = f" ≥ {option.low:g}" if option.low > -math.inf else ""
        said = f"integers{least}" if option.type is tuple else "text"
    return f"{said}, or none" if option.optional else said


def integers(value: Any, low: int = -kinds.MOST_SEED) -> tuple[int, ...]:
    """A list of integers, or text such as 64,32."""
    one = kinds.integer(low)
    value = kinds.listed(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = [value]
    try:
        return tuple(one(item) for item in value)
    except (TypeError, ValueError):
        at_least = f" ≥ {low}" if low > -kinds.MOST_SEED else ""
        raise ValueError(f"expected a list of integers{at_least}") from None


def _one_of(words: tuple[str, ...]) -> kinds.Parser:
    def parse(value: Any) -> str:
        for word in words:
            if fold(value) == fold(word):
                return word
        raise ValueError(f"not a known choice{did_you_mean(value, words)}")

    return parse


def _words(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text")
    return value
