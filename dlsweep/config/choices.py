"""The words that a setting may take: canonical spellings, other spellings, and what they mean.

Names are matched without regard to case, hyphens, underscores, dots and spaces, so only names that
differ in their letters are listed as other spellings. The floors above hold one implementation per
canonical name; tests hold the two lists equal.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One value of a setting: its meaning, and the other spellings it is known by."""

    meaning: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetChoice(Choice):
    """A data set, with what is known before it is read.

    Attributes:
        image_shape: (channels, height, width).
        train_images: how many images there are to train and validate on.
        test_images: how many there are to test on.
        classes: how many classes they are of.
    """

    image_shape: tuple[int, int, int] = (1, 28, 28)
    train_images: int = 60_000
    test_images: int = 10_000
    classes: int = 10


DATASETS: dict[str, DatasetChoice] = {
    "fashion_mnist": DatasetChoice("70,000 images of clothes, 28×28", ("fashion", "fmnist")),
    "mnist": DatasetChoice("70,000 handwritten digits, 28×28", ("mnist_784",)),
    "digits": DatasetChoice(
        "scikit-learn's 1,797 handwritten digits, 8×8",
        ("sklearn_digits",),
        (1, 8, 8),
        1_437,
        360,
    ),
}

MODELS: dict[str, Choice] = {
    "feedforward": Choice(
        "fully connected hidden layers",
        ("mlp", "fnn", "ffn", "nn", "dense", "fully_connected", "feedforward_network"),
    ),
    "cnn": Choice(
        "convolutions, then fully connected hidden layers",
        ("conv", "convnet", "convolutional", "conv_net"),
    ),
}

BACKENDS: dict[str, Choice] = {
    "torch": Choice("PyTorch, runs stacked together", ("pytorch",)),
    "numpy": Choice("the from-scratch network, feedforward only", ("scratch", "from_scratch")),
}

LOSSES: dict[str, Choice] = {
    "cross_entropy": Choice(
        "−log of the probability of the true class",
        (
            "cross_entropy_loss",
            "ce",
            "categorical_cross_entropy",
            "sparse_categorical_crossentropy",
            "softmax_cross_entropy",
            "xent",
            "nll",
            "log_loss",
        ),
    ),
    "mean_squared_error": Choice(
        "mean over classes of (probability − one-hot)²",
        ("mse", "squared_error", "mse_loss", "mean_square_error", "squared_loss", "l2_loss"),
    ),
}

OPTIMIZERS: dict[str, Choice] = {
    "sgd": Choice("stochastic gradient descent", ("gd", "vanilla", "stochastic_gradient_descent")),
    "momentum": Choice(
        "SGD with momentum", ("sgd_momentum", "momentum_sgd", "momentum_gd", "mgd", "heavy_ball")
    ),
    "nesterov": Choice(
        "SGD with Nesterov's momentum",
        ("nag", "nesterov_momentum", "nesterov_accelerated_gradient", "sgd_nesterov", "ngd"),
    ),
    "rmsprop": Choice("RMSprop", ("rms",)),
    "adam": Choice("Adam"),
    "nadam": Choice("Adam with Nesterov's momentum", ("nesterov_adam",)),
}

WEIGHT_INITS: dict[str, Choice] = {
    "random": Choice(
        "normal with standard deviation 0.05",
        ("random_normal", "normal", "gaussian", "rand", "random_init"),
    ),
    "xavier": Choice(
        "Glorot and Bengio's uniform",
        ("glorot", "xavier_uniform", "glorot_uniform", "xavier_init"),
    ),
    "he": Choice("He's normal", ("kaiming", "he_normal", "kaiming_normal", "he_init")),
    "zeros": Choice("all zero", ("zero", "zeroes", "zero_init")),
}

ACTIVATIONS: dict[str, Choice] = {
    "identity": Choice("x", ("linear", "none", "no_activation")),
    "sigmoid": Choice("1 / (1 + e⁻ˣ)", ("logistic",)),
    "tanh": Choice("tanh x"),
    "relu": Choice("max(x, 0)", ("rectifier",)),
    "leaky_relu": Choice("max(x, 0.01 x)", ("lrelu",)),
    "elu": Choice("x for x > 0, else eˣ − 1"),
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
    "full": Choice("also what the layers have learned, and the data", ("all",)),
}

PROJECTIONS: dict[str, Choice] = {
    "tsne": Choice("t-SNE", ("t_sne",)),
    "pca": Choice("the first two principal components", ("principal_components",)),
}

LR_SCHEDULES: dict[str, Choice] = {
    "constant": Choice("the same in every epoch", ("none", "fixed", "no")),
    "step": Choice("times gamma every step_size epochs", ("step_lr", "step_decay")),
    "cosine": Choice(
        "down to zero over the epochs along a cosine",
        ("cosine_annealing", "cosine_annealing_lr", "cosine_decay"),
    ),
}
