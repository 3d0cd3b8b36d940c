"""NumPy and torch, imported when they are first used."""

from __future__ import annotations

import importlib
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
else:

    class _Lazy(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            value = getattr(importlib.import_module(self.__name__), name)
            setattr(self, name, value)  # the next access costs what that of any module costs
            return value

    np = _Lazy("numpy")
    torch = _Lazy("torch")

__all__ = ["np", "torch"]
