"""Python files of the user's own, which hold a model or a function: found, imported, shipped.

They are named by a path such as ``/nets/net.py``, or by a dotted name as seen from the working
directory. A worker on another machine, which has no such file, is handed what is needed of it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.machinery
import importlib.util
import os
import re
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dlsweep._store import store
from dlsweep.config.errors import ConfigError, nearest

_shipped: dict[str, Path] = {}
"""Of files that came from another machine: the folder that stands for theirs, by their names."""


@dataclass(frozen=True)
class OwnCode:
    """A file of the user's own, and those that it imports from beside it.

    Attributes:
        place: its path, or its dotted name.
        root: the folder that the paths of the files are relative to.
        files: their contents, by path.
    """

    place: str
    root: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, place: str, setting: str) -> OwnCode | None:
        """The code of a model or function; None where it is an installed package's.

        Args:
            place: see ``module_file``.
            setting: likewise.

        Raises:
            ConfigError: there is no such file.
        """
        file = _file(place, setting, None).absolute()
        root = file.parent if _is_path(place) else Path.cwd()
        if not file.is_relative_to(root) or "site-packages" in file.relative_to(root).parts:
            return None
        files: dict[str, bytes] = {}
        waiting = [file]
        while waiting:
            path = waiting.pop()
            name = path.relative_to(root).as_posix()
            if name not in files:
                files[name] = path.read_bytes()
                waiting += _imported(files[name], path, root)
        return cls(place, str(root), files)

    @property
    def digest(self) -> str:
        """A digest of the files: other code has another one."""
        content = hashlib.sha256(repr((self.place, sorted(self.files.items()))).encode())
        return content.hexdigest()[:16]

    def supply(self, folder: Path) -> None:
        """Make it importable in this process: from its place, or else as it was shipped.

        Args:
            folder: where missing files are written; it holds this code alone.

        Raises:
            OSError: it cannot be written there.
        """
        if self._is_in(Path(self.root if _is_path(self.place) else os.getcwd())):
            _shipped.pop(self.place, None)
            return
        if not self._is_in(folder):
            for name, content in self.files.items():
                store(folder / name, content)
            importlib.invalidate_caches()
        before = _shipped.get(self.place)
        if before is not None and before != folder:
            _forget(before)
        _shipped[self.place] = folder

    def _is_in(self, root: Path) -> bool:
        try:
            return all((root / name).read_bytes() == text for name, text in self.files.items())
        except OSError:
            return False


def _imported(source: bytes, file: Path, root: Path) -> Iterator[Path]:
    """The files in a folder that a file of it imports, the packages that they are in included."""
    yield from (
        p / "__init__.py"
        for p in file.parents
        if p.is_relative_to(root) and p != root and (p / "__init__.py").is_file()
    )
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # whoever imports it is told
        return
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = file.relative_to(root).parts[: -node.level]
                base = ".".join([*package, *([base] if base else [])])
            names |= {base, *(f"{base}.{alias.name}".strip(".") for alias in node.names)}
    for name in filter(None, names):
        here = root.joinpath(*name.split("."))
        yield from (p for p in (here.with_suffix(".py"), here / "__init__.py") if p.is_file())


def _forget(folder: Path) -> None:
    """Forget the modules imported from a folder, so that they are imported again."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(folder):
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if entry != str(folder)]


def _is_path(place: str) -> bool:
    return place.endswith(".py") or os.sep in place


def module_file(place: str, setting: str) -> Path:
    """The file of a module.

    Args:
        place: its path, or its dotted name as seen from the working directory.
        setting: what messages speak of.

    Raises:
        ConfigError: there is no such file.
    """
    return _file(place, setting, _shipped.get(place))


def _file(place: str, setting: str, shipped: Path | None) -> Path:
    if _is_path(place):
        path = Path(place) if shipped is None else shipped / Path(place).name
        if not path.is_file():
            there = path.parent.glob("*.py") if path.parent.is_dir() else ()
            close = nearest(path.name, [file.name for file in there])
            hint = f"; did you mean {close}?" if close else ""
            raise ConfigError([f"{setting}: {place}: no such file{hint}"])
        return path
    here = (shipped or Path.cwd()).joinpath(*place.split("."))
    for path in (here.with_suffix(".py"), here / "__init__.py"):
        if path.is_file():
            return path
    try:
        spec = importlib.util.find_spec(place)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        what = f"{place}: no such module, here or among those installed"
        hint = "a file is named by its path, such as nets/net.py"
        raise ConfigError([f"{setting}: {what}; {hint}"])
    return Path(spec.origin)


def load_module(place: str, setting: str) -> types.ModuleType:
    """A module of the user's own; one named by its path is imported again if it has changed.

    Args:
        place: see ``module_file``.
        setting: likewise.

    Raises:
        ConfigError: in one line, where there is none, or it fails to be imported.
    """
    file = module_file(place, setting)
    status = file.stat()
    try:
        return _load(place, file, (status.st_mtime_ns, status.st_size))
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError([f"{setting}: {place} cannot be imported: {reason}"]) from error


@functools.lru_cache(maxsize=64)
def _load(place: str, file: Path, version: object) -> types.ModuleType:
    root = str(file.parent if _is_path(place) else _shipped.get(place) or Path.cwd())
    sys.path.insert(0, root)  # as Python does for a program
    try:
        if not _is_path(place):
            return importlib.import_module(place)
        name = "dlsweep_own_" + re.sub(r"\W", "_", place)
        loader = importlib.machinery.SourceFileLoader(name, str(file))
        specification = importlib.util.spec_from_file_location(name, file, loader=loader)
        assert specification is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module  # dataclasses and pickle look there
        try:
            # Not from kept bytecode, which is taken for a file's that changed within a second.
            code = loader.source_to_code(loader.get_data(str(file)), str(file))
            exec(code, module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
        return module
    finally:
        sys.path.remove(root)
        if root not in sys.path:
            sys.path.append(root)  # for what it imports later
