"""Networks known by name: torchvision's classifiers, and EfficientNet-Lite0."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.transforms import InterpolationMode

from dlsweep.config import ConfigError
from dlsweep.config.errors import did_you_mean, fold
from dlsweep.data.features import _efficientnet_lite as lite
from dlsweep.data.features._network import Extract, Network
from dlsweep.data.features._weights import digest_of, known_file, load_weights

_SEED = 0
"""Of random weights: they are the same for every run."""

_MOST_SHOWN = 8


@dataclass(frozen=True)
class _Known:
    """A network as it is published.

    Attributes:
        make: gives the network with random weights, or made to be given the published ones.
        preprocess: from images (N, 3, H, W) in [0, 1] to what it was trained on.
        file, url, package: of its weights; see ``known_file``.
    """

    make: Callable[[bool], nn.Module]
    preprocess: Callable[[Tensor], Tensor]
    file: str
    url: str | None = None
    package: str = ""


def named_network(name: str, weights: str) -> Network:
    """A network known by name.

    Args:
        name: of a classifier of torchvision's, or ``efficientnet_lite0``.
        weights: ``default``, ``random`` or the path of a file.

    Raises:
        ConfigError: there is no such network, or no such file.
    """
    by_fold = {fold(known): known for known in [lite_name(), *list_models(torchvision.models)]}
    found = by_fold.get(fold(name))
    if found is None:
        few = ["efficientnet_lite0", "alexnet", "resnet18", "mobilenet_v3_small", "vit_b_16"]
        hint = did_you_mean(name, by_fold.values())
        if hint.startswith("; choose"):
            hint = f"; choose from {', '.join(few)} or any other classifier of torchvision's"
        raise ConfigError(
            [f"features: got {name!r}, no such network{hint} (a saved model is given as ./{name})"]
        )
    known = _known(found)
    if weights == "default":
        which = known.file
    elif weights == "random":
        which = "random"
    else:
        which = digest_of(Path(weights))
    return Network(
        found, f"{found} {which}", _size(found), functools.partial(_load, found, known, weights)
    )


def lite_name() -> str:
    """The name of EfficientNet-Lite0."""
    return "efficientnet_lite0"


def _known(name: str) -> _Known:
    if name == lite_name():
        # As TensorFlow's own evaluation does it: the middle of the picture, (pixel − 127) / 128.
        like = get_model_weights("efficientnet_b0").DEFAULT.transforms
        own = like(
            crop_size=224,
            resize_size=256,
            mean=(127 / 255,) * 3,
            std=(128 / 255,) * 3,
            interpolation=InterpolationMode.BICUBIC,
        )
        return _Known(lambda _: lite.EfficientNetLite0(), own, lite.FILE, package=lite.PACKAGE)
    published = get_model_weights(name).DEFAULT
    preprocess: Any = published.transforms()
    file = published.url.rpartition("/")[2]
    return _Known(functools.partial(_make, name), preprocess, file, published.url)


def _make(name: str, trained: bool) -> nn.Module:
    settings: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        # So their weights are loaded: torchvision's own functions do the same.
        settings = {"init_weights": not trained, "transform_input": trained, "aux_logits": True}
    module: nn.Module = get_model(name, weights=None, **settings)
    return module


@functools.cache
def _size(name: str) -> int:
    """How many features a network gives: of its architecture, without weights."""
    known = _known(name)
    try:
        with torch.device("meta"):
            module = known.make(True)
    except NotImplementedError:  # RegNet computes its widths with tensors
        module = known.make(True)
    _, last = _last_layer(module)
    return last.in_features if isinstance(last, nn.Linear) else last.in_channels


def _last_layer(module: nn.Module) -> tuple[str, nn.Linear | nn.Conv2d]:
    """The layer that gives the scores of the classes, and its name."""
    layers = [(n, m) for n, m in module.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    return layers[-1]


def _renamed(name: str) -> str:
    """A name of DenseNet's weights as the layers are called today: norm.1 is norm1."""
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", name)


def _load(name: str, known: _Known, weights: str) -> Extract:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_SEED)
        module = known.make(weights != "random").eval()
    head, last = _last_layer(module)
    if weights != "random":
        file = Path(weights)
        if weights == "default":
            file = known_file(name, known.file, known.url, known.package)
        load_weights(module, file, head, _renamed if name.startswith("densenet") else None)

    module = module.to(memory_format=torch.channels_last)  # on a CPU up to four times as fast

    @torch.inference_mode()
    def extract(images: Tensor) -> Tensor:
        found: list[Tensor] = []
        hook = last.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
        try:
            ready = known.preprocess(images.expand(-1, 3, -1, -1))
            module(ready.contiguous(memory_format=torch.channels_last))
        finally:
            hook.remove()
        # A last layer that is a convolution (SqueezeNet's) has scores averaged over places.
        return found[-1].flatten(2).mean(2) if found[-1].ndim > 2 else found[-1]

    return extract
