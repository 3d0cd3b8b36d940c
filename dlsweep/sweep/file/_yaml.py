"""YAML as sweep files use it: numbers such as 1e-3 are numbers, and nothing is given twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from dlsweep.config import ConfigError
from dlsweep.config.errors import nearest


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2, and without silently overwritten keys.

    PyYAML follows YAML 1.1, where ``1e-3`` is text and ``no``, ``off``, ``yes``, ``on`` are
    booleans. Here 1e-3 is a number, and ``no`` stays the word that a setting may understand.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith((":bool", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.(?:inf|Inf|INF))$"
        r"|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        ConfigError: the file is missing, unreadable or no YAML; the line says where.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file{_beside(path)}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not a text file in UTF-8"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError([f"{path}: {where}{error.problem or error.context}"]) from None
    except (yaml.YAMLError, ValueError) as error:
        what = " ".join(str(error).split())
        raise ConfigError([f"{path}: not YAML: {what}"]) from None


def _beside(path: Path) -> str:
    """The YAML file in the same folder that was probably meant."""
    there = {file.stem: file for file in path.parent.glob("*") if file.suffix in (".yaml", ".yml")}
    found = nearest(path.stem, there)
    if found is not None:
        return f"; did you mean {there[found]}?"
    known_to_wandb = not path.suffix and 1 < len(path.parts) < 4 and not path.parent.exists()
    return f"; of a W&B sweep, `dlsweep agent {path}`" if known_to_wandb else ""
