"""The kinds of value a setting may have: from what a user wrote to the canonical value.

A parser takes whatever a flag (text), a YAML file or a W&B sweep delivers and returns the
canonical value, or raises ValueError with the end of the sentence "NAME: got VALUE, …".
"""

from __future__ import annotations

import ast
import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dlsweep.config.errors import did_you_mean, fold, shown
from dlsweep.parts import AUGMENTATIONS, LAYERS, Layer

Parser = Callable[[Any], Any]

_NONE = {"none", "null", "no", "off", "false", ""}
_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}

_NOT_IN_PROJECTS = "/\\#?%:"
_LONGEST_PROJECT = 128
_APART = "; entity and project are given apart"

MOST = 2**31 - 1
"""Of epochs, images and the like: above any that can be meant, within what indices hold."""
MOST_LAYERS = 10_000
MOST_UNITS = 1_000_000
"""Two layers of so many have 10¹² weights; their number of bytes still fits 63 bits."""
MOST_SEED = 2**63 - 1
"""What a column of whole numbers holds, in a table of runs."""


class Named(Protocol):
    """One of the words that a setting may take."""

    @property
    def meaning(self) -> str:
        """A few words for ``--help``."""

    @property
    def also(self) -> tuple[str, ...]:
        """Its other spellings."""


def text(value: Any) -> str | None:
    """Any text; empty text and none mean that nothing was given."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise ValueError("expected text")
    return value


def project(value: Any) -> str | None:
    """A W&B project, by the wandb client's own rule: it would refuse it when a run is opened."""
    name = text(value)
    if name is None:
        return None
    if len(name) > _LONGEST_PROJECT:
        raise ValueError(f"expected at most {_LONGEST_PROJECT} characters")
    found = [mark for mark in _NOT_IN_PROJECTS if mark in name]
    if found:
        raise ValueError(f"expected a name without {' '.join(found)}{_APART * ('/' in found)}")
    return name


def entity(value: Any) -> str | None:
    """A W&B user or team: a part of addresses, which a slash would end."""
    name = text(value)
    if name is not None and "/" in name:
        raise ValueError(f"expected a name without /{_APART}")
    return name


def number(low: float, high: float = math.inf, *, above: bool = False) -> Parser:
    """A finite float in [low, high), or in (low, high) where ``above``."""

    def parse(value: Any) -> float:
        limits = [f"{'>' if above else '≥'} {low:g}"] * (low > -math.inf)
        limits += [f"< {high:g}"] * (high < math.inf)
        expected = f"expected a number {' and '.join(limits)}".rstrip()
        if not _may_be_number(value):
            raise ValueError(expected)
        try:
            result = float(value)
        except (ValueError, OverflowError):
            raise ValueError(expected) from None
        inside = low < result if above else low <= result
        if not (inside and result < high):  # also refuses NaN and infinity
            raise ValueError(expected)
        return result

    return parse


def _may_be_number(value: Any) -> bool:
    """Python reads 6_4 as 64, which may be a list of two numbers: it is none here."""
    if isinstance(value, str):
        return "_" not in value
    return isinstance(value, int | float) and not isinstance(value, bool)


class TooLarge(ValueError):
    """A whole number above what a setting takes; the text says what that is."""


def integer(low: int, high: int = MOST_SEED) -> Parser:
    """An integer from low to high; 64.0 and "64" count, 64.5 and true do not."""

    def parse(value: Any) -> int:
        expected = "expected an integer" + f" ≥ {low}" * (low > -MOST_SEED)
        if not _may_be_number(value):
            raise ValueError(expected)
        try:
            # int() first: float() would round integers above 2**53.
            result = int(value) if isinstance(value, str | int) else round(value)
        except (ValueError, OverflowError):
            try:
                result = round(float(value))
            except (ValueError, OverflowError):
                raise ValueError(expected) from None
            if float(value) != result:
                raise ValueError(expected) from None
        if result < low or (isinstance(value, float) and value != result):
            raise ValueError(expected)
        if result > high:
            raise TooLarge(f"expected an integer ≤ {high:,}")
        return result

    return parse


def checked_count(name: str, value: Any, problems: list[str]) -> int | None:
    """A number of things, 1 or more; None where none is given, or what is wrong with it is added.

    Args:
        name: what it is a value of, such as a flag.
        value: as the user wrote it.
        problems: gets a line where the value is wrong.
    """
    if value is None:
        return None
    try:
        return int(integer(1, MOST)(value))
    except ValueError as error:
        problems.append(f"{name}: got {shown(value)}, {error}")
        return None


def optional(parser: Parser) -> Parser:
    """What ``parser`` takes, or none."""

    def parse(value: Any) -> Any:
        if value is None or value is False or (isinstance(value, str) and fold(value) in _NONE):
            return None
        try:
            return parser(value)
        except ValueError as error:
            raise ValueError(f"{error}, or none") from None

    return parse


def boolean(value: Any) -> bool:
    """True or false, also as yes/no, on/off, 1/0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int) and fold(value) in _TRUE | _FALSE:
        return fold(value) in _TRUE
    raise ValueError("expected true or false")


def choice(choices: Mapping[str, Named]) -> Parser:
    """One of ``choices``, in any of its spellings; returns the canonical one."""
    spellings = {
        fold(spelling): name for name, c in choices.items() for spelling in (name, *c.also)
    }

    def parse(value: Any) -> str:
        if value is None and "none" in spellings:
            return spellings["none"]
        if isinstance(value, str) and fold(value) in spellings:
            return spellings[fold(value)]
        hint = did_you_mean(value, choices) if isinstance(value, str) else did_you_mean("", choices)
        raise ValueError(f"not a known choice{hint}")

    return parse


def device(value: Any) -> str:
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    if isinstance(value, str) and re.fullmatch(r"auto|cpu|cuda(:\d+)?", value.strip().lower()):
        return value.strip().lower()
    if isinstance(value, str) and fold(value) == "gpu":
        return "cuda"
    hint = did_you_mean(value, ("auto", "cpu", "cuda")) if isinstance(value, str) else ""
    raise ValueError(f"not a known device{hint or '; choose from auto, cpu, cuda'}")


def listed(value: Any) -> Any:
    """Text such as "128,64", "128 64", "128_64" or "[128, 64]" as a list; all else unchanged.

    Text of a single number without brackets stays that number.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        parts = [part for part in re.split(r"[,\s_-]+", value.strip(" ()[]")) if part]
        return parts[0] if len(parts) == 1 and value.strip() == parts[0] else parts


def sizes(value: Any) -> int | tuple[int, ...]:
    """One size ≥ 1 for all hidden layers, or a sequence with one size for each.

    [64] is one hidden layer of 64.
    """
    one = integer(1, MOST_UNITS)
    try:
        if isinstance(value, str) and not value.strip():
            raise ValueError
        value = listed(value)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return tuple(one(v) for v in value)
        return int(one(value))
    except TooLarge:
        raise
    except ValueError:
        raise ValueError("expected an integer ≥ 1, or a list with one per layer") from None


def _layer(value: Any) -> Layer:
    """One layer of ``conv_layers``, of any of its forms."""
    if isinstance(value, Layer):
        return value
    if isinstance(value, str):  # as papers write it: 16x5x5/2, or 16x5/2
        text = value.lower().replace("×", "x").replace(" ", "")
        for kind in LAYERS.values():
            fields = kind.from_text(text)
            if fields is not None:
                return _layer_of(kind, fields)
        raise ValueError
    if isinstance(value, Mapping):
        by_name = {fold(key): item for key, item in value.items()}
        kind = LAYERS["conv"]
        for key in ("kind", "type", "layer"):
            if key in by_name:
                kind = LAYERS[choice(LAYERS)(by_name.pop(key))]
        if len(by_name) == 1:  # {max_pool: 2}
            spelling, item = next(iter(by_name.items()))
            for other in LAYERS.values():
                if spelling in {fold(name) for name in (other.name, *other.also)}:
                    return _layer_of(other, {"size": item})
        return _layer_of(kind, by_name)
    if not isinstance(value, Sequence) or len(value) not in (2, 3, 4):
        raise ValueError
    return _layer_of(
        LAYERS["conv"], dict(zip(("channels", "kernel", "stride", "padding"), value, strict=False))
    )


def _layer_of(kind: type[Layer], fields: Mapping[str, Any]) -> Layer:
    """A layer of a kind, from its fields by any of their names."""
    given = {kind.spelled.get(fold(key), str(key)): value for key, value in fields.items()}
    if given.get("padding") == "same" and given.get("stride", 1) in (1, "1"):
        given["padding"] = integer(1, MOST_UNITS)(given["kernel"]) // 2
    known = {field.name for field in dataclasses.fields(kind)}
    if not given.keys() <= known:
        raise ValueError
    try:
        return kind(**{k: integer(kind.least.get(k, 1), MOST_UNITS)(v) for k, v in given.items()})
    except (TypeError, KeyError):
        raise ValueError from None


def conv_layers(value: Any) -> tuple[Layer, ...]:
    """Layers of a CNN: {channels, kernel, stride, padding} or [16, 5, 2] or the text 16x5x5/2p1.

    Pooling is {max_pool: 2}, {kind: max_pool, size: 3, stride: 2} or the text max2, max3/2, avg2.
    """
    if isinstance(value, str):
        try:
            # A W&B agent's flag spells a list of dictionaries as Python does.
            value = ast.literal_eval(value) if "'" in value else json.loads(value)
        except (ValueError, SyntaxError):
            value = [part for part in re.split(r"[,;]\s*|\s+", value.strip()) if part]
    try:
        if not isinstance(value, Sequence) or not value:
            raise ValueError
        layers = tuple(_layer(layer) for layer in value)
    except TooLarge:
        raise
    except ValueError:
        raise ValueError(
            "expected a list of layers such as {channels: 16, kernel: 5, stride: 2} or "
            "{max_pool: 2}, or text such as 16x5x5/2,32x3x3p1,max2"
        ) from None
    if not any(layer.has_weights for layer in layers):
        raise ValueError("expected a convolution among the layers, such as 16x5x5")
    return layers


_AUGMENTATION = re.compile(r"([^\d]+?)[\s:=_-]*(\d+)?")


def augmentations(value: Any) -> str:
    """Augmentations in order, each at most once: ``shift2,flip``, from such text or a list."""
    parts = re.split(r"[,;+\s]+", value.strip()) if isinstance(value, str) else value
    if isinstance(parts, Mapping):
        parts = [f"{name}{'' if number is True else number}" for name, number in parts.items()]
    found: dict[str, str] = {}
    for part in parts if isinstance(parts, Sequence) else [None]:
        match = _AUGMENTATION.fullmatch(part.strip()) if isinstance(part, str) else None
        if match is None:
            raise ValueError("expected augmentations such as shift2,flip")
        name = choice(AUGMENTATIONS)(match[1])
        default = AUGMENTATIONS[name].amount
        if match[2] is not None and default == 0:
            raise ValueError(f"expected {name} without a number")
        amount = integer(1, MOST_UNITS)(match[2]) if match[2] else default
        if name in found:
            raise ValueError(f"expected {name} once")
        found[name] = f"{name}{amount or ''}"
    return ",".join(found.values())


def augmentations_of(text: str | None) -> list[tuple[str, int]]:
    """The names and numbers in what ``augmentations`` has written."""
    found = [_AUGMENTATION.fullmatch(part) for part in (text or "").split(",") if part]
    return [(match[1], int(match[2] or 0)) for match in found if match is not None]
