"""A model in a file: its weights as safetensors, its configuration in the file's metadata."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dlsweep._store import store
from dlsweep._version import __version__
from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.own_model import is_own, place_and_name
from dlsweep.data import Dataset, Scaling, load_for, network_for, scale_pixels
from dlsweep.saved._features import Features, features_json, with_files_found
from dlsweep.saved._inputs import Inputs, learn_inputs
from dlsweep.saved._resemblance import split_arrays
from dlsweep.training import RunResult, TrainedModel

FILE_NAME = "model.safetensors"
"""What the file is called in the directory of a run."""

_FORMAT = "dlsweep 1"


class Model:
    """A trained model, made by ``dlsweep.load``.

    Attributes:
        config: the settings of the run that trained it.
        classes: the names of the classes, in the order of the probabilities.
        image_shape: (channels, height, width) of the images it takes.
        summary: what the run came to: best_val_accuracy, best_epoch, test_accuracy and so on.
        scaling: how raw numbers, such as the features of a table, become those that it takes.
        inputs: what is known of its training images; see ``dlsweep.saved.prepare_image``.

    A model that was trained on features takes images, and computes their features first.
    """

    def __init__(
        self,
        trained: TrainedModel,
        config: RunConfig,
        summary: dict[str, Any],
        scaling: Scaling | None = None,
        inputs: Inputs | None = None,
        features: Features | None = None,
    ) -> None:
        self.config = config
        self.classes = trained.classes
        self.image_shape = trained.image_shape if features is None else features.image_shape
        self.summary = summary
        self.scaling = scaling or Scaling()
        self.inputs = inputs or Inputs()
        self._trained = trained
        self._features = features

    def predict(self, images: np.ndarray | torch.Tensor) -> np.ndarray:
        """The probability of every class, float32, (N, classes).

        Pixels are scaled as those of the training images were, and evaluated by the same code, so
        that the test images get the very probabilities that the run had for them (on the same kind
        of processor, given in one call: how many images are multiplied at once can change the last
        bits).

        Args:
            images: (N, C, H, W), or (N, H, W) where there is one channel, or a single (H, W).
                Integers (uint8) count from 0 to 255, floating-point numbers from 0 to 1. Nothing
                is resized here; see ``dlsweep.saved.prepare_image``.

        Raises:
            ValueError: for images of another shape or type.
        """
        return self._trained.probabilities(self._pixels(images))

    def score(
        self, images: np.ndarray | torch.Tensor, labels: Sequence[Any] | np.ndarray | torch.Tensor
    ) -> float:
        """The share of images that it takes for what they are, as scikit-learn's ``score``.

        Of the test images of its run it is the run's ``test_accuracy``.

        Args:
            images: see ``predict``.
            labels: of each image the class: its place in ``classes``, or its name.

        Raises:
            ValueError: for images of another shape or type, labels that are not as many, or a class
                that the model does not have.
        """
        found = self._trained.predictions(self._pixels(images))
        given = labels.tolist() if isinstance(labels, torch.Tensor | np.ndarray) else list(labels)
        if len(given) != len(found) or not given:
            raise ValueError(f"labels: got {len(given)} for {len(found)} images")
        places = {name: place for place, name in enumerate(self.classes)}
        true = [places.get(label, -1) if isinstance(label, str) else label for label in given]
        unknown = [given[i] for i, place in enumerate(true) if place not in range(len(places))]
        if unknown:
            raise ValueError(f"labels: {unknown[0]!r} is none of {', '.join(self.classes)}")
        return float(np.mean(found == np.array(true)))

    def code(self, images: np.ndarray | torch.Tensor) -> np.ndarray:
        """What an autoencoder encodes images in, float32, (N, code_size); see ``predict``.

        Raises:
            TypeError: where the model is not an autoencoder.
            ValueError: for images of another shape or type.
        """
        return self._trained.code(self._pixels(images))

    def reconstruct(self, images: np.ndarray | torch.Tensor) -> np.ndarray:
        """What an autoencoder makes of images, float32, (N, C, H, W); see ``predict``.

        Pixels are about 0 to 1, and may be beyond: of a table they are the scaled features.

        Raises:
            TypeError: where the model is not an autoencoder.
            ValueError: for images of another shape or type.
        """
        return self._trained.decode(self.code(images))

    def features(self, images: np.ndarray | torch.Tensor) -> np.ndarray:
        """The values of its last hidden layer for images, float32, (N, size); see ``predict``.

        Of a model without hidden layers they are the pixels.

        Raises:
            ValueError: for images of another shape or type.
        """
        values: np.ndarray = self._trained.features(self._pixels(images)).astype(np.float32)
        return values

    def _pixels(self, images: np.ndarray | torch.Tensor) -> torch.Tensor:
        """Images as the network takes them, (N, C, H, W)."""
        if isinstance(images, torch.Tensor):
            images = images.detach().cpu().numpy()
        given = np.asarray(images)
        channels, height, width = self.image_shape
        if given.ndim == 2:
            given = given[None]
        if given.ndim == 3 and channels == 1:
            given = given[:, None]
        if given.ndim != 4 or given.shape[1:] != self.image_shape:
            raise ValueError(
                f"images: got the shape {np.shape(images)}, expected (N, {channels}, {height}, "
                f"{width})" + (f" or (N, {height}, {width})" if channels == 1 else "")
            )
        if given.dtype == np.uint8:
            pixels = scale_pixels(given.copy())
        elif np.issubdtype(given.dtype, np.floating):
            pixels = torch.from_numpy(given.copy())
        else:
            raise ValueError(f"images: got {given.dtype}, expected uint8 or floating point")
        return pixels if self._features is None else self._features.of_images(pixels)


def encode_model(result: RunResult, data: Dataset) -> bytes:
    """The content of a file with the model of a run, that of its best epoch.

    Args:
        result: of the engine.
        data: what the run was trained on; what its images are like is kept too.
    """
    # Imported only here: most runs keep no model.
    from safetensors.numpy import save

    network, images = network_for(result.config), data
    if network is not None:  # it is asked about images, so what they are like is kept
        pictures = dataclasses.replace(result.config, features=None, features_weights="default")
        images = load_for(pictures)
    inputs = learn_inputs(images)
    metadata = {
        "format": _FORMAT,
        "dlsweep": __version__,
        "config": json.dumps(result.config.as_dict()),
        "classes": json.dumps(list(data.classes)),
        "image_shape": json.dumps(images.image_shape),
        "inputs": inputs.as_json(),
        "scaling": json.dumps(images.scaling.as_dict()),
        "summary": json.dumps({k: _plain(v) for k, v in result.summary().items()}),
    }
    if network is not None:
        metadata["features"] = features_json(network, data.scaling)
    # In C order: safetensors writes an array's memory as it lies.
    kept = {} if inputs.resemblance is None else inputs.resemblance.arrays()
    arrays = {name: np.array(v, order="C") for name, v in (result.weights | kept).items()}
    return save(arrays, metadata)


def save_model(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a model's file, whole or not at all.

    Args:
        path: of the file; what is there is replaced.
        content: what ``encode_model`` returned.
    """
    return store(Path(path), content)


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model that was kept by ``--save_model``.

    Nothing in the file is executed: it holds numbers and JSON.

    Args:
        path: the file, or the directory of the run that it lies in.

    Raises:
        ConfigError: in one line, for a file that is missing or holds no model.
    """
    file = find_file(path)
    metadata, arrays = _read(file)
    if metadata.get("format") != _FORMAT:
        raise ConfigError([f"{file}: not a model of dlsweep's; `--save_model` keeps one"])
    try:
        config = _configuration(file, json.loads(metadata["config"]))
        channels, height, width = json.loads(metadata["image_shape"])
        shape, features = (channels, height, width), None
        if "features" in metadata:
            features = Features.of(file, metadata["features"], config, shape)
            shape = (1, 1, features.size)
        classes = tuple(map(str, json.loads(metadata["classes"])))
        weights, resemblance = split_arrays(arrays)
        inputs = Inputs.of(json.loads(metadata.get("inputs", "{}")), resemblance)
        trained = TrainedModel(config, weights, shape, classes)
        summary = json.loads(metadata["summary"])
        scaling = Scaling.from_dict(json.loads(metadata.get("scaling", "{}")))
    except ConfigError:
        raise
    except (KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        made = metadata.get("dlsweep", "an unknown version")
        raise ConfigError(
            [f"{file}: made by dlsweep {made}, cannot be read by {__version__}: {reason}"]
        ) from None
    return Model(trained, config, summary, scaling, inputs, features)


def _configuration(file: Path, settings: dict[str, Any]) -> RunConfig:
    """The configuration that a file keeps.

    A model of the user's own is imported again; where the file of its class is no longer in its
    place, one of that name in the working directory is taken.

    Raises:
        ConfigError: in one line, where its class cannot be had.
    """
    settings = with_files_found(file, settings)
    model = str(settings.get("model", ""))
    if not is_own(model):
        try:
            return RunConfig.restore(settings)
        except ConfigError as error:
            raise ValueError("; ".join(error.problems)) from None
    place, name = place_and_name(model)
    if place.endswith(".py") and not Path(place).is_file() and Path(Path(place).name).is_file():
        settings = {**settings, "model": f"{Path(place).name}:{name}"}
    try:
        return RunConfig.restore(settings)
    except ConfigError as error:
        why = "; ".join(error.problems)
        raise ConfigError([f"{file}: its model {model} must be there to import: {why}"]) from None


def find_file(path: str | os.PathLike[str]) -> Path:
    """The file of a model, of its path or that of the directory of its run.

    Raises:
        ConfigError: in one line, where there is none.
    """
    path = Path(path)
    if path.is_dir():
        inside = [path / FILE_NAME, path / "files" / FILE_NAME]
        found = next((file for file in inside if file.is_file()), None)
        if found is None:
            raise ConfigError([f"{path}: there is no {FILE_NAME} in it; train with --save_model"])
        return found
    if not path.is_file():
        raise ConfigError([f"{path}: no such file"])
    return path


def _read(file: Path) -> tuple[Mapping[str, str], dict[str, np.ndarray]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            names = opened.keys()
            return opened.metadata() or {}, {name: opened.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError([f"{file}: not a safetensors file ({reason})"]) from None


def _plain(value: Any) -> Any:
    """A number as JSON has it: NaN and infinities, which it has no words for, become null."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
