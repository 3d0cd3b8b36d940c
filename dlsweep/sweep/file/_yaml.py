"""YAML as sweep files use it, and the keys and choices in it, in any of their spellings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dlsweep.config import ConfigError
from dlsweep.config.errors import did_you_mean, fold, nearest, shown


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


def read_yaml(path: Path, *, version_1_1: bool = False) -> Any:
    """The content of a YAML file.

    Args:
        path: the file.
        version_1_1: read it as PyYAML does, and so ``wandb sweep``.

    Raises:
        ConfigError: the file is missing, unreadable or not YAML; the line says where.
    """
    try:
        loader = yaml.SafeLoader if version_1_1 else _Loader  # which is one too
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=loader)
    except FileNotFoundError:
        why = f"no such file{_beside(path)}"
    except UnicodeDecodeError:
        why = "not a text file in UTF-8"
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        why = f"{where}{error.problem or error.context}"
    except (yaml.YAMLError, ValueError) as error:
        why = f"not YAML: {' '.join(str(error).split())}"
    raise ConfigError([f"{path}: {why}"])


def yaml_of(text: str) -> Any:
    """The value that a short text of YAML is; None where it is none."""
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError):
        return None


def _beside(path: Path) -> str:
    """A hint at the YAML file in the same folder that was probably meant, or at a W&B sweep."""
    files = {file.stem: file for file in path.parent.glob("*") if file.suffix in (".yaml", ".yml")}
    found = nearest(path.stem, files)
    if found is not None:
        return f"; did you mean {files[found]}?"
    known_to_wandb = not path.suffix and 1 < len(path.parts) < 4 and not path.parent.exists()
    return f"; of a W&B sweep, `dlsweep agent {path}`" if known_to_wandb else ""


def read_keys(
    mapping: Mapping[Any, Any],
    known: Sequence[str],
    problems: list[str],
    at: str = "",
    also: Sequence[str] = (),
) -> dict[str, Any]:
    """The values of a mapping by canonical keys; a line for each key that is unknown or repeated.

    Args:
        mapping: keys in any spelling.
        known: the canonical keys.
        problems: gets the lines.
        at: the key of the mapping in the file, with a dot at its end.
        also: further keys, which no hint names.
    """
    canonical = {fold(key): key for key in (*known, *also)}
    found: dict[str, Any] = {}
    for key, value in mapping.items():
        name = canonical.get(fold(key))
        if name is None:
            what = "no such key" if at else "no such key of a sweep file"
            problems.append(f"{at}{key}: {what}{did_you_mean(key, known)}")
        elif name in found:
            problems.append(f"{at}{name} is given twice, the second time as {key}")
        else:
            found[name] = value
    return found


def read_choice(
    value: Any,
    choices: Mapping[str, Sequence[str]],
    at: str,
    problems: list[str],
    notices: list[str],
) -> str | None:
    """The choice that a value means, which may be spelled otherwise; None, and a line, for none."""
    for choice, spellings in choices.items():
        if fold(value) in map(fold, (choice, *spellings)):
            if fold(value) != choice:
                notices.append(f"{at}: {value} was taken for {choice}")
            return choice
    what = at.split(".")[-1]
    problems.append(f"{at}: got {shown(value)}, not a {what}{did_you_mean(value, choices)}")
    return None
