"""Study S2: MNIST by a feedforward net and by CNNs, one factor at a time.

``python reports/s2.py`` trains what is missing and writes reports/s2/README.md.
"""

from __future__ import annotations

from _study import Part, Study, again, main, published

from dlsweep.report import where
from dlsweep.report.blocks import (
    Ablation,
    ConfusionGrid,
    ConfusionMatrices,
    DataSet,
    Examples,
    Heading,
    Layers,
    Lines,
    PerClass,
    RocCurves,
    RunPictures,
    Text,
)

PLAIN = where(batch_norm=False, conv_activation="relu", dropout=0.0)
NORM = where(batch_norm=True, conv_activation="relu", dropout=0.0)
BEST = (ConfusionMatrices(), PerClass(), RocCurves(), Examples())
ALL = ("train_accuracy", "val_accuracy", "train_loss", "val_loss")

STUDY = Study(
    "s2",
    "How far do small networks get on MNIST, and why did they fail on 0, 4 and 7?",
    """
Feedforward nets and CNNs in batches of 1,000, with a fifth of the training images held out, one
factor changed at a time. Published: 91.8 to 94 % of the validation images right for feedforward
nets, 97.9 % for a CNN with batch normalization, but 60 to 70 % of the test images, where no 0, 4
or 7 was recognised. The networks had been trained without these digits; the last section does
that on purpose.
""",
    (
        Part(
            "mlp",
            (
                Heading("How many images of each digit are there?"),
                DataSet(),
                Heading("Which feedforward net, and how is it trained?"),
                Layers(),
                published("s2", "mlp"),
                Ablation(metric="test_accuracy"),
                Lines(ALL, by="optimizer"),
                Heading("What does the best feedforward net get wrong?"),
                *BEST,
            ),
        ),
        Part(
            "cnn",
            (
                Heading("Which activation, batch normalization and dropout for a small CNN?"),
                Layers(),
                published("s2", "cnn"),
                Ablation(PLAIN, ("conv_activation",), "test_accuracy"),
                Ablation(NORM, ("conv_activation", "batch_norm", "dropout"), "test_accuracy"),
                Heading("What does the best CNN get wrong?"),
                *BEST,
            ),
        ),
        Part("best", (Heading("What has the best CNN learned?"), RunPictures())),
        Part(
            "deep",
            (
                Heading("Do deeper CNNs do better?"),
                Text(
                    "Three, four and five convolutions, with fully connected layers of 512 and "
                    "256, of 128, and of 64; the first also with batch norm. One seed each."
                ),
                Lines(("val_accuracy", "val_loss"), by="hidden_size", facets="batch_norm"),
                ConfusionGrid(by=("hidden_size", "batch_norm")),
            ),
        ),
        Part(
            "missing",
            (
                Heading("Why was no 0, 4 or 7 recognised?"),
                Text(
                    "`reports/mistakes/missing_digits.py` trains a CNN with batch normalization "
                    "on all digits, or on all but 0, 4 and 7, and tests it on all. dlsweep "
                    "itself refuses to train where a class has no training images."
                ),
                published("s2", "missing"),
            ),
        ),
    ),
    {"best": lambda tables: again(tables["cnn"], "s2-best-cnn", figures="full")},
)

if __name__ == "__main__":
    main(STUDY)
