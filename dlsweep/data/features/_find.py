"""Finding the network that a setting names."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from importlib import import_module

from dlsweep.config import ConfigError
from dlsweep.config.data import function_of
from dlsweep.data._facts import DataFacts, DataSettings
from dlsweep.data.features._function import function_network
from dlsweep.data.features._network import Network


def find_network(features: str, weights: str, image_shape: tuple[int, int, int]) -> Network:
    """The network that the settings ``features`` and ``features_weights`` name.

    Its weights are not read, and not downloaded.

    Args:
        features: a name, ``module:function``, or the path of a saved model.
        weights: ``default``, ``random`` or the path of a file.
        image_shape: channels, height and width of the images.

    Raises:
        ConfigError: in one line, where there is no such network, or it takes no such images.
    """
    own = "a function" if function_of(features) else "a saved model"
    if not function_of(features) and not os.path.isabs(features):
        from dlsweep.data.features._named import named_network  # only now: it takes a second

        return named_network(features, weights)
    if weights != "default":
        raise ConfigError([f"features_weights: no effect on {own}, {features}; leave it out"])
    if function_of(features):
        return function_network(features, image_shape)
    # A saved model is read by a floor above, which finds its own features here in turn.
    found: Network = import_module("dlsweep.saved").network_of(features, image_shape)
    return found


def network_for_images(settings: DataSettings, facts: DataFacts) -> Network:
    """The network that settings name, for images of which ``facts`` are known.

    Raises:
        ConfigError: as ``find_network``, or there are no images.
    """
    assert settings.features is not None
    if facts.standardise or facts.image_shape[:2] == (1, 1):
        line = f"{facts.name} is a table of features, which has no images; leave it out"
        raise ConfigError([f"features: {line}"])
    return find_network(settings.features, settings.features_weights, facts.image_shape)


def facts_with_features(facts: DataFacts, network: Network) -> DataFacts:
    """What is known of a data set of features, from what is known of its images."""
    content = hashlib.sha256(f"{facts.content} {network.identity}".encode()).hexdigest()
    return replace(
        facts,
        image_shape=(1, 1, network.size),
        standardise=True,
        pixel_range=None,
        scaling=None,
        notes=(*facts.notes, f"each image is {network.size:,} features of {network.name}"),
        content=content[:16],
    )
