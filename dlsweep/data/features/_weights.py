"""Weights of networks: where they are, and reading them. Nothing pickled is executed."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dlsweep._store import store
from dlsweep.config import ConfigError
from dlsweep.parts.data_sets._sources import SourceError, download

_UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    RuntimeError,
    ValueError,
    pickle.UnpicklingError,
)
"""What reading a file that holds no weights may raise."""


def digest_of(path: Path, setting: str = "features_weights") -> str:
    """The SHA-256 of a file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    except OSError as error:
        raise ConfigError([f"{setting}: {path}: {error.strerror or error}"]) from None


def known_file(name: str, file: str, url: str | None, package: str) -> Path:
    """The file of a network's published weights, downloaded where it is not there yet.

    It is looked for where torchvision keeps such files, and in an installed package.

    Args:
        name: of the network.
        file: its name; the digits at its end begin its SHA-256.
        url: where it can be had.
        package: the installable package that brings it; empty where there is none.

    Raises:
        ConfigError: it cannot be had, with where to put it; or it is damaged.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / file
    for place in filter(None, [path, _in_package(package, file)]):
        if place.is_file():
            if not digest_of(place).startswith(_check_digits(file)):
                raise ConfigError([f"features: {place} is damaged: its SHA-256 is another one"])
            return place
    why = f"pip install {package} brings them"
    if url is not None:
        try:
            content = download(url)
            if not hashlib.sha256(content).hexdigest().startswith(_check_digits(file)):
                raise SourceError("what came is damaged: its SHA-256 is another one")
            store(path, content)
            return path
        except (SourceError, OSError) as error:
            why = f"{url}: {error}"
    raise ConfigError(
        [
            f"features: the weights of {name} are not here ({why}); put {file} into {path.parent}, "
            "or give a file of weights as features_weights"
        ]
    )


def _check_digits(file: str) -> str:
    return Path(file).stem.rpartition("-")[2]


def _in_package(package: str, file: str) -> Path | None:
    found = importlib.util.find_spec(package.replace("-", "_")) if package else None
    if found is None or not found.submodule_search_locations:
        return None
    return next(iter(Path(found.submodule_search_locations[0]).rglob(file)), None)


def load_weights(module: nn.Module, path: Path, head: str, renamed: Any = None) -> None:
    """Give a network the weights in a file; those of its last layer are not needed.

    Args:
        module: the network.
        path: of the state dictionary, of ``torch.save`` or safetensors.
        head: the name of the last layer, whose weights may be missing or of other classes.
        renamed: from a name in the file to that in the network, where they differ.

    Raises:
        ConfigError: in one line, where the file has other weights.
    """
    state = _read(path)
    # What it carries besides says which version of a layer wrote it.
    kept: Any = OrderedDict()
    for name, value in state.items():
        new = name.removeprefix("module.")
        new = renamed(new) if renamed else new
        if not new.startswith(f"{head}."):
            kept[new] = value
    kept._metadata = getattr(state, "_metadata", None)
    try:
        found = module.load_state_dict(kept, strict=False)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split()[:30])
        raise ConfigError([f"features_weights: {path}: {reason}"]) from None
    missing = [name for name in found.missing_keys if not name.startswith(f"{head}.")]
    if wrong := [*missing, *found.unexpected_keys]:
        verb = "lacks" if missing else "holds, besides,"
        line = f"{verb} {wrong[0]}" + (f" and {len(wrong) - 1} more" if len(wrong) > 1 else "")
        raise ConfigError([f"features_weights: {path}: not of this network: it {line}"])


def _read(path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError  # only now: figures of runs do without
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, *_UNREADABLE) as error:
        reason = (str(error) or repr(error)).strip().splitlines()[0].split(". ")[0]
        raise ConfigError([f"features_weights: {path}: cannot be read: {reason}"]) from None
    for name in ("state_dict", "model", "model_state_dict"):
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ConfigError([f"features_weights: {path}: holds no state dictionary of a network"])
    return found
