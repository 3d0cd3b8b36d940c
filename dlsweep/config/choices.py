"""The words that a setting may take which is not one of the parts of ``dlsweep.parts``.

Names are matched without regard to case, hyphens, underscores, dots and spaces, so only names that
differ in their letters are listed as other spellings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dlsweep.parts import Option


@dataclass(frozen=True)
class Choice:
    """One value of a setting: its meaning, other spellings, the settings that it heeds or brings.

    A setting that some value heeds or brings has no effect with those that do not.
    """

    meaning: str
    also: tuple[str, ...] = ()
    heeds: tuple[str, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)


_HIDDEN_LAYERS = (
    "num_layers",
    "hidden_size",
    "activation",
    "batch_norm",
    "dropout",
    "dropout_at",
)

MODELS: dict[str, Choice] = {
    "feedforward": Choice(
        "fully connected hidden layers",
        ("mlp", "fnn", "ffn", "nn", "dense", "fully_connected", "feedforward_network"),
        _HIDDEN_LAYERS,
    ),
    "cnn": Choice(
        "convolutions, then fully connected hidden layers",
        ("conv", "convnet", "convolutional", "conv_net"),
        (*_HIDDEN_LAYERS, "conv_layers", "conv_activation"),
    ),
    "autoencoder": Choice(
        "an autoencoder with hidden layers, and a classifier on its code",
        ("ae", "auto_encoder", "encoder_decoder"),
        ("num_layers", "hidden_size", "activation"),
        {
            "code_size": Option(
                32,
                "autoencoder: how many numbers an image is encoded in",
                type=int,
                low=1,
                also=("latent_size", "latent_dim", "bottleneck", "bottleneck_size", "code_dim"),
            ),
            "classifier_size": Option(
                None,
                "autoencoder: hidden layers of the classifier on the code; none is a linear one",
                type=tuple,
                low=1,
                optional=True,
                also=("classifier_sizes", "head_size", "classifier_hidden_size"),
            ),
            "pretrain_epochs": Option(
                0,
                "autoencoder: of the epochs, the first so many without the classifier; 0 trains "
                "both at once",
                type=int,
                low=0,
                also=("autoencoder_epochs", "pretraining_epochs"),
            ),
            "freeze": Option(
                True,
                "autoencoder: the encoder learns nothing from the classifier, and after "
                "pretrain_epochs nothing at all",
                type=bool,
                also=("freeze_encoder", "frozen"),
            ),
            "reconstruction_weight": Option(
                1.0,
                "autoencoder: weight of the reconstruction loss where it is added to the "
                "classifier's",
                low=0,
                also=("reconstruction_loss_weight", "recon_weight"),
            ),
        },
    ),
}

DROPOUT_PLACES: dict[str, Choice] = {
    "first": Choice("after the first hidden layer"),
    "last": Choice("after the last hidden layer"),
    "both": Choice("after the first and the last hidden layer"),
    "all": Choice("after every hidden layer"),
}

FIGURES: dict[str, Choice] = {
    "none": Choice("curves and numbers only", ("off", "no")),
    "summary": Choice("confusion matrices, scores of each class, ROC curves, examples"),
    "full": Choice("also what the layers have learned, and the data", ("all",), ("projection",)),
}

PROJECTIONS: dict[str, Choice] = {
    "tsne": Choice("t-SNE", ("t_sne",)),
    "pca": Choice("the first two principal components", ("principal_components",)),
}

LR_SCHEDULES: dict[str, Choice] = {
    "constant": Choice("the same in every epoch", ("none", "fixed", "no")),
    "step": Choice(
        "times gamma every step_size epochs", ("step_lr", "step_decay"), ("step_size", "gamma")
    ),
    "cosine": Choice(
        "down to zero over the epochs along a cosine",
        ("cosine_annealing", "cosine_annealing_lr", "cosine_decay"),
    ),
}
