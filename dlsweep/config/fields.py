"""The fields of ``RunConfig``: every setting of a run, defined once.

They make train.py's flags, the keys a sweep may use, ``wandb.config`` and the table of settings in
the README.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlsweep.config import choices, data, kinds
from dlsweep.config.kinds import Named
from dlsweep.config.own_model import model_name
from dlsweep.config.setting import Setting, choice, from_option, setting
from dlsweep.parts import ACTIVATIONS, BACKENDS, INITIALIZERS, LOSSES, OPTIMIZERS, Conv, Layer


def _weight_init(value: Any) -> str | None:
    return None if value is None else str(kinds.choice(INITIALIZERS)(value))


@dataclass(frozen=True)
class CoreFields:
    """Every setting that no part or model brings, with its default; ``RunConfig`` checks them."""

    wandb_project: str | None = setting(
        "dlsweep", "W&B project", kinds.project, "text", "-wp -w_p", "project project_name"
    )
    wandb_entity: str | None = setting(
        None, "W&B entity (user or team)", kinds.entity, "text", "-we", "entity"
    )
    dataset: str = setting(
        "fashion_mnist",
        "data set: a name, or your own images or table",
        data.dataset,
        f"{', '.join(data.named())}, or a folder, .npz, .csv, .parquet or module:function",
        "-d",
        "data dataset_name data_set",
    )
    image_size: str | None = setting(
        None,
        "bring the images to this size; none keeps the pictures' own",
        kinds.optional(data.image_size),
        "pixels, HEIGHTxWIDTH, or none",
        "",
        "img_size image_shape resize input_size",
    )
    color: str = setting(
        "auto",
        "images of three channels or of one; auto has three where the pictures have colours",
        data.color,
        "auto, true, false",
        "",
        "colour rgb",
    )
    classes: str | None = setting(
        None,
        "train on these classes of the data set only",
        kinds.optional(data.classes),
        "names such as cat,dog, or none",
        "",
        "class_names only_classes",
    )
    skip_bad: bool = setting(
        False,
        "leave out pictures that cannot be read",
        kinds.boolean,
        "true or false",
        "",
        "skip_damaged",
    )
    features: str | None = setting(
        None,
        "train on what this network makes of each image, computed once, in place of the pixels",
        kinds.optional(data.features),
        "efficientnet_lite0, alexnet or any classifier of torchvision's, the path of a saved "
        "model, module:function, or none",
        "",
        "feature_extractor transfer_features pretrained_features",
    )
    features_weights: str = setting(
        "default",
        "its weights: the published ones of a named network, random ones, or those in a file",
        data.features_weights,
        "default, random, or a .pth or .safetensors file",
        "",
        "feature_weights pretrained_weights",
    )
    model: str = setting(
        "feedforward",
        "model: a name, or a class of your own",
        model_name,
        f"{', '.join(choices.MODELS)}, net.py:Net or package.module:Net",
        "",
        "model_type architecture network arch",
        choices.MODELS,
    )
    backend: str = choice("torch", "what trains the run", BACKENDS, "", "framework")
    epochs: int = setting(
        10,
        "passes over the training images",
        kinds.integer(1, kinds.MOST),
        "integer ≥ 1",
        "-e",
        "num_epochs n_epochs max_epochs epoch number_of_epochs no_of_epochs training_epochs "
        "max_iter",
    )
    batch_size: int = setting(
        64,
        "images per step",
        kinds.integer(1, kinds.MOST),
        "integer ≥ 1",
        "-b",
        "batch bs minibatch_size mini_batch_size batch_sizes",
    )
    loss: str = choice(
        "cross_entropy",
        "loss",
        LOSSES,
        "-l",
        "loss_function loss_fn loss_func criterion loss_type",
    )
    optimizer: str = choice(
        "adam",
        "update rule",
        OPTIMIZERS,
        "-o",
        "optim optimiser opt optimizer_name optimizer_type optimization optimisation solver",
    )
    learning_rate: float = setting(
        0.001,
        "learning rate of the first epoch",
        kinds.number(0),
        "number ≥ 0",
        "-lr --lr",
        "lr eta init_lr initial_learning_rate initial_lr step_length l_rate learning_rate_init "
        "base_lr",
    )
    momentum: float = setting(
        0.9,
        "decay of the velocity",
        kinds.number(0, 1),
        "0 ≤ number < 1",
        "-m",
        "mom momentum_coefficient mu",
    )
    beta: float = setting(
        0.9,
        "decay of the mean of squared gradients",
        kinds.number(0, 1),
        "0 ≤ number < 1",
        "-beta",
        "rho beta_rms rms_decay rmsprop_beta",
    )
    beta1: float = setting(
        0.9,
        "decay of the first moment",
        kinds.number(0, 1),
        "0 ≤ number < 1",
        "-beta1",
    )
    beta2: float = setting(
        0.999,
        "decay of the second moment",
        kinds.number(0, 1),
        "0 ≤ number < 1",
        "-beta2",
    )
    epsilon: float = setting(
        1e-8,
        "added to the denominator",
        kinds.number(0, above=True),
        "number > 0",
        "-eps --eps",
        "eps",
    )
    weight_decay: float = setting(
        0.0,
        "L2 penalty, added to the gradient, or the decay of optimizers that have their own",
        kinds.number(0),
        "number ≥ 0",
        "-w_d -wd",
        "w_d wd l2 l2_reg l2_regularization l2_regularisation l2_penalty l2_lambda regularization "
        "weight_decay_rate lambda reg",
    )
    weight_init: str = setting(
        None,  # see RunConfig
        "initial weights; a model of your own keeps its modules' own by default",
        _weight_init,
        "",
        "-w_i -wi",
        "w_i init initializer initialiser initialization initialisation init_method weight "
        "weight_initialization weight_initialisation weight_initializer weight_init_method "
        "weights_init weights_initialization kernel_initializer init_type",
        INITIALIZERS,
    )
    num_layers: int = setting(
        3,
        "hidden layers",
        kinds.integer(0, kinds.MOST_LAYERS),
        "integer ≥ 0",
        "-nhl",
        "nhl hidden_layers num_hidden_layers n_hidden_layers number_of_hidden_layers n_layers "
        "no_of_hidden_layers number_hidden_layers no_hidden_layers hidden_layers_count "
        "num_hidden hl layers",
    )
    hidden_size: int | tuple[int, ...] = setting(
        256,
        "size of every hidden layer, or one size for each",
        kinds.sizes,
        "integer ≥ 1, or a list",
        "-sz",
        "sz hidden_sizes hidden_layer_size hidden_layer_sizes size_of_hidden_layers hidden_units "
        "size_of_hidden_layer hidden_layers_size size_hidden_layer size_hidden_layers hidden_dim "
        "num_neurons neurons n_neurons neurons_per_layer num_units units layer_size layer_sizes "
        "hidden_nodes hidden_layer_dim num_nodes hidden_size_list hls",
    )
    activation: str = choice(
        "relu",
        "activation of the hidden layers",
        ACTIVATIONS,
        "-a",
        "activation_function activation_func activation_fn act act_fn act_func nonlinearity "
        "activations hidden_activation activation_functions",
    )
    conv_layers: tuple[Layer, ...] = setting(
        (Conv(32, 3, 1), Conv(64, 3, 2)),
        "cnn: convolutions {channels, kernel, stride, padding} and pooling {max_pool: 2}",
        kinds.conv_layers,
        "list, or text such as 16x5x5/2,32x3x3p1,max2",
        "",
        "convolutions conv convs conv_layer",
    )
    conv_activation: str | None = setting(
        None,
        "cnn: activation after the convolutions, where it differs from activation",
        kinds.optional(kinds.choice(ACTIVATIONS)),
        "none, or as activation",
    )
    batch_norm: bool = setting(
        False,
        "batch normalization after each convolution (cnn) or hidden layer (feedforward)",
        kinds.boolean,
        "true or false",
        "",
        "batch_normalization batch_normalisation bn use_batch_norm use_bn",
    )
    dropout: float = setting(
        0.0,
        "probability of dropping a unit",
        kinds.number(0, 1),
        "0 ≤ number < 1",
        "",
        "dropout_rate dropout_prob dropout_probability dropout_p drop_rate p_drop",
    )
    dropout_at: str = choice("all", "where units are dropped", choices.DROPOUT_PLACES)
    augment: str | None = setting(
        None,
        "change the training images at random, anew in each epoch",
        kinds.optional(kinds.augmentations),
        "shift, flip or both, such as shift2,flip; or none",
        "",
        "augmentation augmentations data_augmentation use_augmentation",
    )
    lr_schedule: str = choice(
        "constant",
        "learning rate over the epochs",
        choices.LR_SCHEDULES,
        "",
        "schedule scheduler lr_scheduler learning_rate_schedule learning_rate_scheduler",
    )
    step_size: int = setting(
        5,
        "epochs between the steps of the step schedule",
        kinds.integer(1, kinds.MOST),
        "integer ≥ 1",
    )
    gamma: float = setting(
        0.1,
        "factor of the step schedule",
        kinds.number(0, above=True),
        "number > 0",
        "",
        "lr_decay lr_gamma decay_factor",
    )
    early_stopping: int | None = setting(
        None,
        "stop after this many epochs without a better validation accuracy",
        kinds.optional(kinds.integer(1, kinds.MOST)),
        "integer ≥ 1, or none",
        "",
        "patience early_stopping_patience early_stop",
    )
    val_fraction: float = setting(
        0.1,
        "share of the training images held out for validation",
        kinds.number(0, 1, above=True),
        "0 < number < 1",
        "",
        "validation_split val_split validation_fraction valid_fraction val_ratio validation_ratio",
    )
    train_size: int | None = setting(
        None,
        "train on this many images only, for quick looks",
        kinds.optional(kinds.integer(1, kinds.MOST)),
        "integer ≥ 1, or none",
        "",
        "num_train n_train subset subset_size",
    )
    seed: int = setting(
        0,
        "seed of the initial weights, the batch order and dropout",
        kinds.integer(0, kinds.MOST_SEED),
        "integer ≥ 0",
        "",
        "random_seed random_state rng_seed",
    )
    device: str = setting(
        "auto",
        "where to train; auto is the GPU where there is one",
        kinds.device,
        "auto, cpu, cuda",
    )
    figures: str = choice("summary", "what is shown of the trained model", choices.FIGURES)
    examples: int = setting(
        4,
        "right and wrong test images that are shown, so many of each",
        kinds.integer(0, kinds.MOST),
        "integer ≥ 0",
        "",
        "num_examples",
    )
    log_every: int = setting(
        0,
        "log the training loss of every so many steps too, within epochs; 0 logs epochs alone",
        kinds.integer(0, kinds.MOST),
        "integer ≥ 0",
        "",
        "log_interval log_freq log_steps log_every_n_steps",
    )
    projection: str = choice(
        "tsne", "figures full: the last hidden layer in two dimensions", choices.PROJECTIONS
    )
    projection_images: int = setting(
        1000,
        "figures full: so many test images are in that picture, and in an autoencoder's",
        kinds.integer(1, kinds.MOST),
        "integer ≥ 1",
        "",
        "tsne_images num_projected tsne_samples",
    )
    save_model: bool = setting(
        False,
        "keep the trained model, as a file of the run and as a W&B artifact",
        kinds.boolean,
        "true or false",
        "",
        "save save_weights keep_model",
    )


def _options() -> list[tuple[str, Any, Any]]:
    """The settings that parts and models bring, as fields, by name."""
    brought = {}
    for parts in (OPTIMIZERS, LOSSES, INITIALIZERS, ACTIVATIONS, choices.MODELS):
        for part in parts.values():
            for name, option in part.options.items():
                metadata = {"setting": from_option(option)}
                brought[name] = dataclasses.field(default=option.default, metadata=metadata)
    return [(name, type(field.default), field) for name, field in sorted(brought.items())]


if TYPE_CHECKING:
    Fields = CoreFields
else:
    Fields = dataclasses.make_dataclass("Fields", _options(), bases=(CoreFields,), frozen=True)

SETTINGS: dict[str, Setting] = {f.name: f.metadata["setting"] for f in dataclasses.fields(Fields)}
"""What is said of a setting where ``RunConfig`` defines it."""

WORDS: dict[str, Mapping[str, Named]] = {
    name: setting.values for name, setting in SETTINGS.items() if setting.values is not None
}
"""The values of the settings whose values are words."""
