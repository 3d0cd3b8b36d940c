"""Compiled programs on the disk, beside torch's own cache of what it compiles.

Torch's cache saves the compiling of a graph, but the graph must be traced to be looked up, which
takes longer than all the rest. Here a program is looked up by what it is traced from: its key, the
code of dlsweep, the version of torch and the processor. The files are torch's, and trusted as its
cache is: they lie in this user's own folder, and nothing from elsewhere is ever put there.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import platform
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import torch

_log = logging.getLogger("dlsweep.training")


def kept_program(key: Hashable) -> Callable[..., Any] | None:
    """The program that was kept under this key; None where there is none that can be used."""
    try:
        from torch._inductor.standalone_compile import CompiledArtifact

        path = _path(key)
        if path.exists():
            return CompiledArtifact.load(path=str(path), format="binary")
    except Exception as error:  # cut off, or of another torch: it is compiled again
        _log.debug("a kept program cannot be loaded: %s", str(error).partition("\n")[0])
    return None


def keep_program(key: Hashable, program: Callable[..., Any]) -> None:
    """Keep a program under this key, where that is possible; uncompiled ones are not kept."""
    save = getattr(program, "save", None)
    if save is None:
        return
    try:
        path = _path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f"{path.name}.{os.getpid()}")
        save(path=str(written), format="binary")
        written.replace(path)
    except Exception as error:  # a disk that is full, a cache that is switched off
        _log.debug("a program cannot be kept: %s", str(error).partition("\n")[0])


def _path(key: Hashable) -> Path:
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    name = hashlib.sha256(repr((key, *_circumstances())).encode()).hexdigest()[:32]
    return Path(cache_dir()) / "dlsweep" / name


@functools.cache
def _circumstances() -> tuple[str, ...]:
    """What decides a program beside its key."""
    code = hashlib.sha256()
    package = Path(__file__).parent.parent
    for folder in ("models", "training"):
        for file in sorted((package / folder).glob("*.py")):
            code.update(file.read_bytes())
    capability = torch.backends.cpu.get_cpu_capability()
    return code.hexdigest(), torch.__version__, platform.machine(), capability
