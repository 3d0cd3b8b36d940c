"""Study S5: an autoencoder's code of MNIST, and a classifier on it.

``python reports/s5.py`` trains what is missing and writes reports/s5/README.md.
"""

from __future__ import annotations

from _study import Part, Study, main, published
from _words import best_of_each

from dlsweep.report import where
from dlsweep.report.blocks import Ablation, AutoencoderPictures, Heading, Text, Trend

CODE = ("code_size", "activation", "classifier_size", "freeze")
LOOK = "What does a code of two numbers look like, {}?"
BASE = where(code_size=32, activation="leaky_relu", classifier_size=None, freeze=True)

STUDY = Study(
    "s5",
    "What does an autoencoder's code of a digit hold?",
    """
Published: with layers written by hand, the best learning rate after two epochs on MNIST is
0.0075; an autoencoder was trained with and without LeakyReLU, and a classifier on its code had 97
% of the digits right with the activation and 31 % without. Neither the size of the code nor the
classifier was named.
""",
    (
        Part(
            "rates",
            (
                Heading("Which learning rate is best after two epochs?"),
                Text("One hidden layer of 100 units, batches of 200, three seeds each."),
                Trend("learning_rate", ("test_accuracy",), by="optimizer", log=True),
                Text(best_of_each("optimizer", "learning_rate"), listed=True),
                published("s5", "rates"),
            ),
        ),
        Part(
            "epochs",
            (
                Heading("How many epochs does it take?"),
                Trend("epochs", ("train_accuracy", "test_accuracy"), by="optimizer"),
                Text(best_of_each("optimizer", "epochs"), listed=True),
            ),
        ),
        Part(
            "autoencoder",
            (
                Heading("Is it the activation that makes a classifier on the code work?"),
                Text(
                    "Ten epochs of the autoencoder, then ten of a classifier on its code; "
                    "with `freeze` the code stays as it is."
                ),
                published("s5", "autoencoder"),
                Ablation(BASE, CODE, "test_accuracy"),
            ),
            beside=("tuned",),
        ),
        Part(
            "short",
            (
                Heading("And after two epochs of the autoencoder?"),
                published("s5", "short"),
                Ablation(settings=("code_size", "activation"), metric="test_accuracy"),
            ),
        ),
        *(
            Part(
                "autoencoder",
                (Heading(LOOK.format(how)), AutoencoderPictures(where(seed=0))),
                where(code_size=2, classifier_size=None, activation=activation),
            )
            for how, activation in (
                ("without an activation", "identity"),
                ("with LeakyReLU", "leaky_relu"),
            )
        ),
    ),
)

if __name__ == "__main__":
    main(STUDY)
