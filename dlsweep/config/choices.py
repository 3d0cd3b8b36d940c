"""The words that a setting may take which is not one of the parts of ``dlsweep.parts``.

Names are matched without regard to case, hyphens, underscores, dots and spaces, so only names that
differ in their letters are listed as other spellings.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One value of a setting: its meaning, other spellings, and the settings that it heeds.

    A setting that some value heeds has no effect with those that do not.
    """

    meaning: str
    also: tuple[str, ...] = ()
    heeds: tuple[str, ...] = ()


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
