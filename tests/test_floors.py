"""The house of DESIGN.md: a file imports only from floors below its own, and imports stay cheap."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "dlsweep"
FLOORS = {
    "_lazy": 0,
    "_store": 0,
    "_unwritable": 2,
    "_version": 0,
    "parts": 0,
    "config": 1,
    "data": 2,
    "models": 2,
    "scratch": 2,
    "training": 3,
    "figures": 4,
    "saved": 4,
    "tracking": 5,
    "sweep": 6,
    "report": 7,
    "cli": 8,
    "__init__": 9,
    "__main__": 9,
}
ROOMS = {
    "sweep": ("file", "search", "study", "execution", "driver", "local", "agent"),
    "training": ("planning", "learners", "stack"),
}
"""The rooms of floors, in order."""
UPWARD = {("data", "dlsweep.saved")}
"""Imported by name once it is needed: a network whose features are wanted may be a saved model."""

FILES = sorted(PACKAGE.rglob("*.py"))


def part(module: str) -> str:
    """The part of the house that a module belongs to: dlsweep.data._load is of data."""
    return [*module.split("."), "__init__"][1]


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it."""
    package = path.relative_to(REPOSITORY).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            yield ".".join([*base, *([node.module] if node.module else [])])
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module == "dlsweep":
                # `from dlsweep import x`: the part x, or else a name that the package itself has.
                for alias in node.names:
                    yield f"dlsweep.{alias.name}" if alias.name in FLOORS else "dlsweep"
            else:
                yield module
        elif isinstance(node, ast.Call) and node.args and "import_module" in ast.unparse(node.func):
            name = node.args[0]
            if isinstance(name, ast.JoinedStr) and name.values:
                name = name.values[0]  # what is known of it
            if isinstance(name, ast.Constant):
                yield str(name.value).rstrip(".")


def broken_rules(path: Path) -> list[str]:
    """The imports of a file that its floor forbids."""
    own = part(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))
    found = []
    for module in imports(path):
        if module.split(".")[0] == "dlsweep" and part(module) != own:
            if FLOORS[part(module)] >= FLOORS[own] and (own, module) not in UPWARD:
                found.append(f"{own} imports {module}")
        elif module.split(".")[0] == "wandb" and own != "tracking":
            found.append(f"{own} imports {module}")
    return found


def test_every_part_has_a_floor():
    parts = {part(".".join(path.relative_to(REPOSITORY).with_suffix("").parts)) for path in FILES}
    assert parts <= FLOORS.keys()
    assert len(FILES) > 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_from_below(path: Path):
    assert broken_rules(path) == []


def test_the_rule_finds_what_breaks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.modules[__name__], "REPOSITORY", tmp_path)
    path = tmp_path / "dlsweep" / "data" / "_new.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from dlsweep.config import RunConfig\n"
        "from dlsweep.data._load import load\n"
        "from . import _cache\n"
        "from dlsweep.models import build\n"
        "def later():\n"
        "    import wandb.sdk\n"
        "    from ..sweep import Study\n"
        "    from dlsweep import train, training\n"
        "    import_module('dlsweep.saved')\n"
        "    importlib.import_module(f'dlsweep.report.{name}')\n"
        "    importlib.import_module(name)\n"
    )
    assert sorted(broken_rules(path)) == [
        "data imports dlsweep",
        "data imports dlsweep.models",
        "data imports dlsweep.report",
        "data imports dlsweep.sweep",
        "data imports dlsweep.training",
        "data imports wandb.sdk",
    ]


def room(module: str) -> str:
    """The room of its floor that a module is in: dlsweep.sweep.study._rows is in study."""
    return [*module.split("."), "", "", ""][2]


def broken_order(path: Path) -> list[str]:
    """The imports of a file in a room that are from a later room, or from the floor itself.

    What stands on the training floor outside of its rooms is below them.
    """
    module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    floor, rooms = part(module), ROOMS[part(module)]
    later = rooms[rooms.index(room(module)) + 1 :]
    return [
        m
        for m in imports(path)
        if part(m) == floor
        and (room(m) in later or room(m) == "" or (floor == "sweep" and room(m) not in rooms))
    ]


@pytest.mark.parametrize("floor", ROOMS)
def test_a_floor_has_these_rooms(floor: str):
    folders = {path.parent.name for path in (PACKAGE / floor).glob("*/__init__.py")}
    assert folders == set(ROOMS[floor])
    if floor == "sweep":
        assert [path.name for path in (PACKAGE / floor).glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize(
    "path",
    sorted(path for floor in ROOMS for path in (PACKAGE / floor).glob("*/*.py")),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_a_room_imports_only_from_rooms_before_it(path: Path):
    assert broken_order(path) == []


def test_the_order_of_rooms_finds_what_breaks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.modules[__name__], "REPOSITORY", tmp_path)
    path = tmp_path / "dlsweep" / "sweep" / "study" / "_new.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from dlsweep.sweep.file import SweepFile\n"
        "from dlsweep.sweep.study._rows import Row\n"
        "from dlsweep.tracking import open_run\n"
        "from . import _lock\n"
        "def later():\n"
        "    import dlsweep.sweep.agent\n"
        "    from dlsweep.sweep import Driver\n"
        "    from ..execution import Job\n"
    )
    assert sorted(broken_order(path)) == [
        "dlsweep.sweep",
        "dlsweep.sweep.agent",
        "dlsweep.sweep.execution",
    ]
    path = tmp_path / "dlsweep" / "training" / "planning" / "_new.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from dlsweep.training._data import choose_device\n"
        "from dlsweep.training.learners import TorchLearner\n"
    )
    assert broken_order(path) == ["dlsweep.training.learners"]


POSIX = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"}
"""Modules that Windows lacks; below, names of modules that it has."""
POSIX_NAMES = {
    "os": {"fork", "geteuid", "getuid", "killpg", "sched_getaffinity", "setsid", "sysconf"},
    "signal": {"SIGHUP", "SIGKILL", "SIGPIPE", "pthread_sigmask"},
}


def of_posix(node: ast.AST) -> Iterator[str]:
    """What an import of a module needs that Windows lacks, unless that is in a condition."""
    if isinstance(node, ast.FunctionDef | ast.Lambda | ast.If | ast.Try):
        return  # of a function its defaults and decorators are left out too
    if isinstance(node, ast.Import):
        yield from POSIX & {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        yield from POSIX & {node.module or ""} | POSIX_NAMES.get(node.module or "", set()) & names
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield from POSIX_NAMES.get(node.value.id, set()) & {node.attr}
    for child in ast.iter_child_nodes(node):
        yield from of_posix(child)


def test_no_module_needs_posix_to_be_imported():
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
    assert {str(path): found for path, tree in trees.items() if (found := [*of_posix(tree)])} == {}
    wrong = "import fcntl\nfrom os import fork\nclass A:\n    END = signal.SIGKILL\n"
    right = "def f(): os.killpg\nif LINUX:\n    import fcntl\n"
    assert [*of_posix(ast.parse(wrong + right))] == ["fcntl", "fork", "SIGKILL"]


class ImportGraph:
    """The modules of a package, and which of them each one imports.

    Imports count wherever they are: in functions and for type checkers too. An import runs the
    ``__init__`` of the packages that it enters, so these count as imported. A package that imports
    its names with their first use (it has a ``__getattr__``) does not: a name of such a package
    counts as imported from where the package takes it. Within the package itself nothing is spared:
    there ``from package import name`` is an import of the package's ``__init__``.
    """

    def __init__(self, root: Path) -> None:
        self._files: dict[str, Path] = {}
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root.parent).with_suffix("").parts
            self._files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        self._trees = {
            name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self._files.items()
        }
        self._lazy = {name for name, tree in self._trees.items() if "__getattr__" in defined(tree)}
        self.imports = {module: self._imports(module) - {module} for module in self._files}

    def cycle(self) -> list[str]:
        """The modules of one circle, each of which imports the next; the last is the first."""
        try:
            TopologicalSorter(self.imports).prepare()
        except CycleError as error:
            return list(reversed(error.args[1]))
        return []

    def _imports(self, module: str) -> set[str]:
        found = set()
        for node in ast.walk(self._trees[module]):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
        for source, name, _ in self._names(module):
            within = f"{module}.".startswith(f"{source}.") and f"{source}.{name}" not in self._files
            found.add(source if within else self._origin(source, name))
        entered = {
            package
            for target in found
            for package in packages(target)
            if package not in self._lazy and not f"{module}.".startswith(f"{package}.")
        }
        return (found | entered) & self._files.keys()

    def _names(self, module: str) -> Iterator[tuple[str, str, str]]:
        """What a module imports from others: (module, name there, name here)."""
        for node in ast.walk(self._trees[module]):
            if isinstance(node, ast.ImportFrom):
                source = [node.module] if node.module else []
                if node.level:
                    up = node.level - (self._files[module].name == "__init__.py")
                    parts = module.split(".")
                    source = [*parts[: len(parts) - up], *source]
                for alias in node.names:
                    yield ".".join(source), alias.name, alias.asname or alias.name

    def _origin(self, source: str, name: str) -> str:
        """The module that ``from source import name`` needs."""
        if f"{source}.{name}" in self._files:
            return f"{source}.{name}"
        if source in self._lazy:
            for deeper, original, here in self._names(source):
                if here == name and deeper != source:
                    return self._origin(deeper, original)
        return source


def defined(tree: ast.Module) -> set[str]:
    """The names that a module defines or assigns at its top level."""
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    return names | {target.id for target in targets if isinstance(target, ast.Name)}


def packages(module: str) -> Iterator[str]:
    """The packages that a module is in, the nearest first."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def test_no_module_imports_in_a_circle():
    circle = ImportGraph(PACKAGE).cycle()
    assert not circle, " imports ".join(circle)


LAZY = "def __getattr__(name): ...\nif TYPE_CHECKING:\n    from house.attic._a import a\n"


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        ({"a": "from house import b", "b": "import house.a"}, "house.a house.b"),
        ({"a": "def f():\n    from . import b", "b": "from .a import f"}, "house.a house.b"),
        (
            {"a": "if TYPE_CHECKING:\n    from house.b import B", "b": "from house.a import f"},
            "house.a house.b",
        ),
        (
            {"a": "import house.b", "b": "from house.c import C", "c": "from .a import A"},
            "house.a house.b house.c",
        ),
        # A module that imports from the package it is in, and a package entered by a module's name.
        (
            {"attic/__init__": "from ._a import a", "attic/_a": "from house.attic import b"},
            "house.attic house.attic._a",
        ),
        (
            {"attic/__init__": "from ._a import a", "attic/_a": "import house.b", "attic/_b": ""}
            | {"b": "from house.attic._b import b"},
            "house.attic house.attic._a house.b",
        ),
        # A name of a lazy package is its module's, except within the package.
        ({"attic/__init__": LAZY, "attic/_a": "import house.b"}, ""),
        (
            {"attic/__init__": LAZY, "attic/_a": "import house.b"}
            | {"b": "from house.attic import a"},
            "house.attic._a house.b",
        ),
        (
            {"attic/__init__": LAZY, "attic/_a": "import house.b", "attic/_c": "import house.c"}
            | {"b": "from house.attic._c import c"},
            "",
        ),
        (
            {"attic/__init__": LAZY, "attic/_a": "from house.attic import a"},
            "house.attic house.attic._a",
        ),
        ({"a": "import house.b, os", "b": "from house.c import C", "c": "from os import path"}, ""),
    ],
)
def test_a_circle_is_found(files: dict[str, str], circle: str, tmp_path: Path):
    for name, text in {"__init__": "", **files}.items():
        path = tmp_path / "house" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    graph = ImportGraph(tmp_path / "house")
    found = graph.cycle()
    assert sorted(set(found)) == circle.split()
    assert all(next_ in graph.imports[one] for one, next_ in itertools.pairwise(found))


@pytest.mark.process
@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("dlsweep, dlsweep.config, dlsweep.cli", {"torch", "wandb", "optuna", "numpy", "sklearn"}),
        (  # planning looks at networks
            "dlsweep.training; dlsweep.training.cost(dlsweep.RunConfig()); import dlsweep.models",
            {"wandb", "optuna", "sqlalchemy", "torch._dynamo", "sympy"},
        ),
        ("dlsweep.scratch", {"torch", "wandb", "optuna"}),
        ("dlsweep.tracking, dlsweep.tracking._outcome", {"wandb", "optuna", "matplotlib", "PIL"}),
        ("dlsweep.sweep.execution._stack_job", {"wandb", "optuna", "sqlalchemy", "ray"}),
        (  # workers start before their driver imports what it needs
            "dlsweep.sweep.execution._processes, dlsweep.sweep.local._local_sweep",
            {"torch", "wandb", "optuna", "ray"},
        ),
        ("dlsweep.tracking._online, dlsweep.tracking._sync", {"torch", "sklearn", "matplotlib"}),
    ],
)
def test_an_import_costs_no_more_than_it_needs(module: str, without: set[str]):
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert module.replace(",", "").split()[-1] in loaded
    assert not loaded & without
