"""Study S4: initial weights and learning rates, from scratch and in PyTorch.

``python reports/s4.py`` trains what is missing and writes reports/s4/README.md.
"""

from __future__ import annotations

from _study import Part, Study, main, published

from dlsweep.report import where
from dlsweep.report.blocks import ConfusionGrid, Heading, Lines, Text, Trend

GRID = ("weight_init", "learning_rate")
RANDOM = where(weight_init="random", learning_rate=0.01)
PRINTED = ((0.885, 30_000), (0.741, 50_000), (0.769, 60_000))
"""Published accuracies of tanh, relu, and relu with weight decay, and of how many images."""
RIGHT = [round(share * images) for share, images in PRINTED]
DECODED = [
    f"The published {100 * share:.1f} % of {images:,} images are {right:,} right ones."
    for (share, images), right in zip(PRINTED, RIGHT, strict=True)
] + [
    f"Relu with weight decay added {RIGHT[2] - RIGHT[1]:,} right ones of its 10,000 images: "
    f"it really had {(RIGHT[2] - RIGHT[1]) / 100:.1f} %.",
    f"The two cells before it, one of them relu, had {RIGHT[1] - RIGHT[0]:,} of 20,000 right "
    "together: as if one had learned and the other had not. So it is here, where relu too is "
    "printed as worse than tanh, and is better.",
]

STUDY = Study(
    "s4",
    "How should the weights of a deep sigmoid network begin?",
    """
784-500-250-100-10 with sigmoids on MNIST, plain SGD in batches of 64, 15 epochs, written from
scratch: zeros, random and Glorot's initial weights at four learning rates. Then the same network
in PyTorch with Adam, where relu was published as worse than tanh. It is not: two counters were
never set back.
""",
    (
        Part(
            "initialisation",
            (
                Heading("Which initial weights, at which learning rate?"),
                published("s4", "initialisation"),
                Trend("learning_rate", ("test_accuracy",), by="weight_init", log=True),
                Heading("How does the cost fall?"),
                Lines(("train_loss",), by="weight_init", facets="learning_rate"),
                Heading("What does each network take for what?"),
                ConfusionGrid(where(seed=0, learning_rate={0.01, 0.05}), by=GRID),
                ConfusionGrid(where(seed=0, learning_rate={0.1, 0.3}), by=GRID),
            ),
            beside=("seeds",),
        ),
        Part(
            "cost",
            (
                Heading("And within the first two epochs, iteration by iteration?"),
                Lines(("step_loss",), by="weight_init", facets="learning_rate"),
            ),
        ),
        Part(
            "scale",
            (
                Heading("How large were the published random weights?"),
                Text("At 0.01 that decides everything. Published: 68 % of the test images right."),
                Trend("init_scale", ("test_accuracy",), where=RANDOM),
            ),
            beside=("initialisation",),
        ),
        Part(
            "pytorch",
            (
                Heading("And in PyTorch, with Adam at 0.01?"),
                published("s4", "pytorch"),
                Lines(("val_accuracy",), by="activation", facets="weight_decay"),
            ),
        ),
        Part(
            "counters",
            (
                Heading("What happens when a counter is not set back?"),
                Text(
                    "`reports/mistakes/counters.py` is that notebook: six cells train a network "
                    "each, and the right test images, and all, are counted on from cell to cell."
                ),
                Lines(("printed", "true"), title="What each cell prints, and what is true"),
                published("s4", "counters"),
                Text(lambda table: DECODED, listed=True),
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(STUDY)
