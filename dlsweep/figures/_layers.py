"""What the layers of a trained model hold and make of images, as arrays."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from torch import Tensor, nn

from dlsweep.models import Dropout
from dlsweep.training import TrainedModel

SHOWN = 1000
"""How many test images the picture of the last hidden layer is made from: the first ones."""

METHODS = {"tsne": "t-SNE", "pca": "first two principal components"}
"""The ways to ``project``, by the names that pictures have for them."""


def first_layer(model: TrainedModel) -> np.ndarray | None:
    """The weights of the first layer as images, (units, height, width).

    The kernels of a convolution, or what each unit of a fully connected layer looks at; over
    channels their mean. None where a model of the user's own begins with no such layer.
    """
    layers = (m for m in model.module.modules() if isinstance(m, nn.Linear | nn.Conv2d))
    layer = next(layers, None)
    channels = model.image_shape[0]
    if layer is None:
        return None
    weight: Tensor = layer.weight.detach()
    if isinstance(layer, nn.Conv2d):
        if layer.in_channels != channels or layer.groups != 1:
            return None
    elif layer.in_features != math.prod(model.image_shape):
        return None
    else:
        weight = weight.view(-1, *model.image_shape)
    return weight.mean(1).numpy()


@torch.no_grad()
def feature_maps(model: TrainedModel, image: Tensor) -> list[np.ndarray]:
    """What each convolution makes of one image, after its activation: (channels, height, width).

    Args:
        model: without convolutions there is nothing.
        image: (C, H, W), from 0 to 1.
    """
    values, maps = image[None].to("cpu", next(model.module.parameters()).dtype), []
    if model.config.model != "cnn":
        return []
    for layer in model.module.get_submodule("hidden").children():
        values = layer(values)
        if values.dim() == 4 and not isinstance(layer, Dropout):
            maps.append(values[0].numpy())
    return maps


def project(features: np.ndarray, method: str) -> np.ndarray | None:
    """Features in two dimensions, on one thread.

    It is asked for while other processes train: on cores that are busy, threads wait for each other
    at every step, and t-SNE then takes four times as long on two threads as on one.

    Args:
        features: (N, size).
        method: ``pca``, or ``tsne`` (van der Maaten and Hinton 2008, started from PCA), which is
            scikit-learn's.

    Returns:
        (N, 2), the same for the same features; None where there are fewer than five or where some
        are not finite.
    """
    if len(features) < 5 or not np.isfinite(features).all():
        return None
    # Imported only here: few runs need it.
    from threadpoolctl import threadpool_limits

    features = features.astype(np.float64)
    features = np.hstack([features, np.zeros((len(features), max(0, 2 - features.shape[1])))])
    if not features.std(axis=0).any():
        return np.zeros((len(features), 2))  # all alike
    with threadpool_limits(1), warnings.catch_warnings():
        if method == "pca":
            return _principal_components(features)
        # Of features with nothing in their second component: no variance to explain.
        warnings.simplefilter("ignore", RuntimeWarning)
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (len(features) - 1) / 3)
        neighbours = TSNE(2, init="pca", perplexity=perplexity, random_state=0)
        embedded: np.ndarray = neighbours.fit_transform(features)
        return embedded


def _principal_components(features: np.ndarray) -> np.ndarray:
    """The first two principal components, each with its largest weight positive: (N, 2).

    The numbers are those of ``sklearn.decomposition.PCA``, to which a test holds them. They are
    computed here because every sweep shows its data so, as it begins: to import scikit-learn takes
    several times as long.

    Args:
        features: (N, size), at least two of each.
    """
    centred = features - features.mean(axis=0)
    u, scale, weights = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(weights[:2]).argmax(axis=1)
    components: np.ndarray = u[:, :2] * scale[:2] * np.sign(weights[[0, 1], largest])
    return components
