"""Autoencoders, with a classifier on the code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from dlsweep.models._blocks import Block
from dlsweep.models._objective import Objective
from dlsweep.models._spec import ModelSpec


class Autoencoder(nn.Module):
    """Pixels → hidden layers → code → the same layers in reverse → pixels; code → logits.

    The code and the reconstructed pixels are linear maps of the layers before, with no activation
    after them, so that without hidden layers, or with ``activation: identity``, the autoencoder is
    linear: the best that such a one can learn are the principal components. The classifier takes
    the code, through hidden layers of its own where there are any. Images (N, C, H, W) become
    logits (N, classes).

    The reconstruction loss of an image is the mean of the squared differences of its pixels. How it
    is trained follows from three settings:

    - ``pretrain_epochs`` 0: both at once. The loss is the classifier's and, times
      ``reconstruction_weight``, that of the reconstruction. With ``freeze`` the classifier's does
      not reach the encoder (the code is detached).
    - more: first the autoencoder alone for so many epochs, then the classifier, for the rest. With
      ``freeze`` the autoencoder then stays as it is; without, the encoder is trained on, by both
      losses as above.
    """

    auxiliary_name = "reconstruction"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.image_shape, options = spec.image_shape, spec.options
        self.freeze: bool = options["freeze"]
        self.pretrain_epochs: int = options["pretrain_epochs"]
        self.reconstruction_weight: float = options["reconstruction_weight"]
        sizes = [math.prod(spec.image_shape), *spec.hidden_sizes, options["code_size"]]
        head = [sizes[-1], *(options["classifier_size"] or ()), spec.num_classes]
        self.encoder = _layers(sizes, spec)
        self.decoder = _layers(sizes[::-1], spec)
        self.classifier = _layers(head, spec)

    def code(self, images: Tensor) -> Tensor:
        """What images (N, C, H, W) are encoded in: (N, code_size)."""
        code: Tensor = self.encoder(images.flatten(1))
        return code

    def decode(self, code: Tensor) -> Tensor:
        """The images (N, C, H, W) that codes (N, code_size) stand for."""
        images: Tensor = self.decoder(code)
        return images.view(-1, *self.image_shape)

    def forward(self, images: Tensor) -> Tensor:
        return self._classify(self.code(images))

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits (N, classes), and the reconstruction loss of each image (N,)."""
        code = self.code(images)
        error = self.decoder(code) - images.flatten(1)
        return self._classify(code), error.square().mean(1)

    def _classify(self, code: Tensor) -> Tensor:
        logits: Tensor = self.classifier(code.detach() if self.freeze else code)
        return logits

    def objective(self, epoch: int) -> Objective:
        """What it is trained for in an epoch, from 1; see the class."""
        return self.objective_of(
            self.freeze, self.pretrain_epochs, self.reconstruction_weight, epoch
        )

    @staticmethod
    def objective_of(
        freeze: bool, pretrain_epochs: int, reconstruction_weight: float, epoch: int
    ) -> Objective:
        """``objective`` with these settings."""
        if epoch <= pretrain_epochs:
            return Objective(0.0, 1.0, ("classifier",))
        if pretrain_epochs and freeze:
            return Objective(1.0, 0.0, ("encoder", "decoder"))
        return Objective(1.0, reconstruction_weight)


def _layers(sizes: Sequence[int], spec: ModelSpec) -> nn.Sequential:
    """Hidden layers of the sizes between, and a linear map to the last."""
    *hidden, (inputs, outputs) = pairwise(sizes)
    blocks = [Block(nn.Linear(a, b), None, spec.activation()) for a, b in hidden]
    return nn.Sequential(*blocks, nn.Linear(inputs, outputs))
