"""How far a long piece of work is, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_SILENT_SECONDS = 2.0


def progress(items: Iterable[T], total: int, what: str, *, each: int = 1) -> Iterator[T]:
    """The same items; where they take long, their number is shown while they come.

    Args:
        items: pieces of the work.
        total: how many ``what`` there are.
        what: is counted.
        each: how many of them an item is.
    """
    began = shown = time.monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - began > _SILENT_SECONDS and now - shown > 0.2 and sys.stderr.isatty():
            done = min(count * each, total)
            print(f"\r{done:,} of {total:,} {what}", end="", file=sys.stderr, flush=True)
            shown = now
    if shown > began:
        print(f"\r{total:,} {what} in {time.monotonic() - began:.0f} s", file=sys.stderr)
