"""Names of a package that are imported with their first use."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def lazily(package: str, file: str) -> Callable[[str], Any]:
    """A package's ``__getattr__`` (PEP 562).

    It imports what the package imports for type checkers, under ``if TYPE_CHECKING:``, so that the
    names are written once.

    Args:
        package: its ``__name__``.
        file: its ``__file__``.
    """

    @functools.cache
    def sources() -> dict[str, tuple[str, str]]:
        """The module, and the name there, of each name."""
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
        return {
            alias.asname or alias.name: (node.module or "", alias.name)
            for block in tree.body
            if isinstance(block, ast.If)
            for node in block.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def get(name: str) -> Any:
        if name not in sources():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = sources()[name]
        return getattr(import_module(module), original)

    return get
