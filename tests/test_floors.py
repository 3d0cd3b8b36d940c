"""The house of DESIGN.md: a file imports only from floors below its own, and imports stay cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "dlsweep"
FLOORS = {
    "_lazy": 0,
    "_version": 0,
    "config": 0,
    "data": 1,
    "models": 1,
    "scratch": 1,
    "training": 2,
    "figures": 3,
    "saved": 3,
    "tracking": 4,
    "sweep": 5,
    "report": 6,
    "cli": 7,
    "__init__": 8,
    "__main__": 8,
}
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


def broken_rules(path: Path) -> list[str]:
    """The imports of a file that its floor forbids."""
    own = part(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))
    found = []
    for module in imports(path):
        if module.split(".")[0] == "dlsweep" and part(module) != own:
            if FLOORS[part(module)] >= FLOORS[own]:
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
    )
    assert sorted(broken_rules(path)) == [
        "data imports dlsweep",
        "data imports dlsweep.models",
        "data imports dlsweep.sweep",
        "data imports dlsweep.training",
        "data imports wandb.sdk",
    ]


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("dlsweep, dlsweep.config, dlsweep.cli", {"torch", "wandb", "optuna", "numpy", "sklearn"}),
        ("dlsweep.training, dlsweep.models", {"wandb", "optuna", "sqlalchemy", "torch._dynamo"}),
        ("dlsweep.scratch", {"torch", "wandb", "optuna"}),
        ("dlsweep.tracking, dlsweep.sweep._sync", {"torch", "sklearn", "matplotlib"}),
    ],
)
def test_an_import_costs_no_more_than_it_needs(module: str, without: set[str]):
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert module.split(", ")[-1] in loaded
    assert not loaded & without
