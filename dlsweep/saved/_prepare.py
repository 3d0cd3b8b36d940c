"""Pictures prepared for a model, as its training images were."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import product

import numpy as np

from dlsweep.saved._files import read_picture
from dlsweep.saved._framing import Framing
from dlsweep.saved._images import fit, looks_blank, looks_inverted
from dlsweep.saved._ink import STROKES, Ink, find_ink
from dlsweep.saved._model import Model


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture as a model takes it.

    Attributes:
        pixels: uint8 (C, H, W).
        done: what was done to it, in the order in which it was done.
        notices: what its owner should know.
    """

    pixels: np.ndarray
    done: tuple[str, ...]
    notices: tuple[str, ...]


def prepare_image(
    path: str | os.PathLike[str], model: Model, *, invert: bool = False, as_is: bool = False
) -> Prepared:
    """A picture of any size and mode as a model's training images were.

    For a model of handwritten digits or other strokes, what was written is found, taken from its
    ground, cropped, scaled and centred as in the training images. For other models the picture is
    scaled as a whole, and turned into its negative where only this looks like the training images.
    A picture that has the form of the training images already stays as it is, bit for bit.

    Args:
        path: of a picture; see ``read_picture``.
        model: what it is prepared for.
        invert: what is shown is darker than its ground; without it, that is found out.
        as_is: scale the picture as a whole, and do nothing else that was not asked for.

    Raises:
        ConfigError: in one line, for a file that is not a picture.
    """
    picture = read_picture(path, model.image_shape[0], ground=255 if invert else None)
    pixels, done, notices = picture.pixels, list(picture.seen), list(picture.notices)
    framing = model.inputs.framing
    if framing is not None and not as_is:
        ready = 255 - pixels if invert and not framing.dark else pixels
        same = pixels.shape == model.image_shape[1:]
        if same and framing.fits(ready):
            image = ready[None]
            done.append("inverted" if invert else "as it is")
        elif same and not invert and framing.fits(255 - pixels):
            image = 255 - pixels[None]
            done.append("inverted")
        elif (found := _written(pixels, model, dark=True if invert else None)) is not None:
            image, ink, dark = found
            done += _said_of(ink, framing, dark)
            if ink.several:
                notices.append("more than one character, it seems; the strongest was read")
            return _checked(image, model, done, notices)
        else:
            notices.append("nearly blank: nothing written was found in it")
            done.append("scaled as a whole")
            return Prepared(_scaled(ready, model), tuple(done), tuple(notices))
    else:
        image = _scaled(255 - pixels if invert else pixels, model)
        if invert:
            done.append("inverted")
        elif looks_inverted(image) and not as_is and _better_inverted(image, pixels, model):
            image = 255 - image
            done.append("inverted")
            notices.append("dark on a light ground, it seems: inverted; --as_is leaves it")
        if pixels.shape[:2] != model.image_shape[1:]:
            done.append("scaled as a whole")
    if looks_blank(image):
        notices.append("nearly blank")
        return Prepared(image, tuple(done), tuple(notices))
    if looks_inverted(image) and model.image_shape[0] == 1:
        hint = "without --invert" if invert else "--invert"
        notices.append(f"dark on a light ground, it seems; try {hint}")
    return _checked(image, model, done, notices)


def _scaled(pixels: np.ndarray, model: Model) -> np.ndarray:
    """A whole picture in the size of the training images, uint8 (C, H, W).

    Pictures in a folder of the user's own were stretched to that size; others keep their
    proportions.
    """
    from PIL import Image  # only now: figures of runs do without

    channels, height, width = model.image_shape
    if not os.path.isabs(model.config.dataset):
        return fit(pixels, model.image_shape)
    size = width, height
    resized = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
    return resized[None] if channels == 1 else resized.transpose(2, 0, 1)


def _written(
    pixels: np.ndarray, model: Model, dark: bool | None
) -> tuple[np.ndarray, Ink, bool] | None:
    """What is written in gray pixels, framed for the model; whether its ink is dark.

    Dark and light ink, with finer and bolder strokes, are looked for; what is clearer ink and looks
    more like the training images is taken.
    """
    framing = model.inputs.framing
    assert framing is not None
    found = []
    for guess, widest in product((True, False) if dark is None else (dark,), STROKES):
        ink = find_ink(pixels, dark=guess, widest=widest)
        if ink is not None:
            image = framing.apply(ink, model.image_shape[1:])[None]
            found.append((_distance(image, model) - 3 * ink.clear, image, ink, guess))
    if not found:
        return None
    _, image, ink, guess = min(found, key=lambda candidate: candidate[0])
    return image, ink, guess


def _better_inverted(image: np.ndarray, pixels: np.ndarray, model: Model) -> bool:
    """Whether the negative of an image looks like the training images, and the image less."""
    if not model.inputs.dark_ground:
        return False
    plain, negative = _distance(image, model), _distance(255 - image, model)
    if pixels.shape[:2] == model.image_shape[1:]:  # made for the model, maybe: in doubt as it is
        return plain > 1 >= negative
    return negative < plain


def _distance(image: np.ndarray, model: Model) -> float:
    """How unlike the training images an image is, uint8 (C, H, W): more than 1 is unlike them."""
    if model.inputs.resemblance is None:
        return 0.0
    return float(model.inputs.resemblance.distance(image[None].astype(np.float32) / 255)[0])


def _checked(image: np.ndarray, model: Model, done: list[str], notices: list[str]) -> Prepared:
    if (distance := _distance(image, model)) > 1:
        notices.append(
            f"unlike the images that the model was trained on ({distance:.1f} times as far from "
            "them as nearly all of their own kind)"
        )
    return Prepared(image, tuple(done), tuple(notices))


def _said_of(ink: Ink, framing: Framing, dark: bool) -> list[str]:
    left, top, right, bottom = ink.box
    by = "centre of mass" if framing.by_mass else "middle"
    return [
        "dark ink on a lighter ground" if dark else "light ink on a darker ground",
        f"cropped to {right - left}×{bottom - top} at ({left}, {top})",
        f"scaled to {framing.box} pixels and placed by its {by}",
    ]
