"""What a trained model has learned, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.data import Split
from dlsweep.figures._autoencoder import autoencoder_pictures, is_autoencoder
from dlsweep.figures._grids import pixels
from dlsweep.figures._layers import METHODS, feature_maps, first_layer, project
from dlsweep.figures._plots import maps_picture, points_picture, weights_picture
from dlsweep.training import TrainedModel

if TYPE_CHECKING:
    from PIL.Image import Image


def model_pictures(model: TrainedModel, test: Split) -> dict[str, Image]:
    """The pictures of a trained model by name.

    - ``first_layer``: the kernels of the first convolution, or what each unit of the first fully
      connected layer looks at;
    - ``feature_maps``: what the convolutions make of the first test image (cnn);
    - ``features``: the last hidden layer's answers to the first ``projection_images`` test images
      in two dimensions, by the configuration's ``projection``; not where this is the code of an
      autoencoder;
    - those of ``autoencoder_pictures``.

    Where weights are not finite there is nothing to see, and nothing is made.
    """
    if not all(parameter.isfinite().all() for parameter in model.module.parameters()):
        return {}
    pictures = {}
    weights = first_layer(model)
    if weights is not None:
        what = "weights" if weights.shape[1:] == model.image_shape[1:] else "kernels"
        pictures["first_layer"] = weights_picture(weights, f"first layer: {what}")
    image, label = test.images[0].cpu(), model.classes[int(test.labels[0])]
    if maps := feature_maps(model, image):
        title = f"feature maps of a test image: {label}"
        pictures["feature_maps"] = maps_picture(pixels(image.numpy()), maps, title)
    if is_autoencoder(model):
        pictures |= autoencoder_pictures(model, test)
        if not model.config["classifier_size"]:
            return pictures
    shown = test.images[: model.config.projection_images]
    points = project(model.features(shown), model.config.projection)
    if points is not None:
        title = f"last hidden layer, {len(shown):,} test images, {METHODS[model.config.projection]}"
        labels = test.labels[: len(shown)].cpu().numpy()
        pictures["features"] = points_picture(points, labels, model.classes, title)
    return pictures
