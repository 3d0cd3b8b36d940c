"""What each kind of value takes, what it makes of it, and what it refuses."""

import math

import pytest

from dlsweep import parts
from dlsweep.config import choices, kinds
from dlsweep.parts import ACTIVATIONS, OPTIMIZERS, Conv
from dlsweep.parts.layers.avg_pool import AvgPool
from dlsweep.parts.layers.max_pool import MaxPool

HUGE = 10**400
CONVS = (Conv(16, 5, 2), Conv(8, 3, 1))

POOLED = (Conv(16, 5, 1, 2), MaxPool(2), Conv(8, 3, 2, 1), AvgPool(3, 1, 1))

TAKEN = [
    (kinds.text, "some text", "some text"),
    (kinds.text, None, None),
    (kinds.text, "  ", None),
    (kinds.project, "fashion mnist, s1.2_3", "fashion mnist, s1.2_3"),
    (kinds.project, "", None),
    (kinds.number(0), 0, 0.0),
    (kinds.number(0), "1e-3", 0.001),
    (kinds.number(0), " 2 ", 2.0),
    (kinds.number(0, 1), 0.999, 0.999),
    (kinds.number(0, above=True), 1e-300, 1e-300),
    (kinds.integer(0), 0, 0),
    (kinds.integer(1), "64", 64),
    (kinds.integer(1), 64.0, 64),
    (kinds.integer(1), "64.0", 64),
    (kinds.integer(1), "1e3", 1000),
    (kinds.integer(0), 2**60 + 1, 2**60 + 1),
    (kinds.integer(0), str(2**60 + 1), 2**60 + 1),
    (kinds.optional(kinds.integer(1)), None, None),
    (kinds.optional(kinds.integer(1)), "None", None),
    (kinds.optional(kinds.integer(1)), "no", None),
    (kinds.optional(kinds.integer(1)), False, None),
    (kinds.optional(kinds.integer(1)), "3", 3),
    (kinds.boolean, True, True),
    (kinds.boolean, "Yes", True),
    (kinds.boolean, "off", False),
    (kinds.boolean, 1, True),
    (kinds.boolean, "0", False),
    (kinds.choice(OPTIMIZERS), "RMS-Prop", "rmsprop"),
    (kinds.choice(OPTIMIZERS), "Stochastic Gradient Descent", "sgd"),
    (kinds.choice(ACTIVATIONS), "Leaky_ReLU", "leaky_relu"),
    (kinds.choice(ACTIVATIONS), "leakyrelu", "leaky_relu"),
    (kinds.choice(ACTIVATIONS), None, "identity"),
    (kinds.device, "auto", "auto"),
    (kinds.device, " CUDA:1 ", "cuda:1"),
    (kinds.device, "GPU", "cuda"),
    (kinds.sizes, 128, 128),
    (kinds.sizes, "128", 128),
    (kinds.sizes, [128], (128,)),
    (kinds.sizes, "[128]", (128,)),
    (kinds.sizes, "64_32", (64, 32)),
    (kinds.sizes, "64-32", (64, 32)),
    (kinds.sizes, [128, "64", 32.0], (128, 64, 32)),
    (kinds.sizes, (5, 6), (5, 6)),
    (kinds.sizes, "128,64", (128, 64)),
    (kinds.sizes, "128 64", (128, 64)),
    (kinds.sizes, "[128, 64]", (128, 64)),
    (kinds.sizes, "(128, 64)", (128, 64)),
    (kinds.sizes, [], ()),
    (kinds.augmentations, "shift", "shift2"),
    (kinds.augmentations, "Flip, shift3", "flip,shift3"),
    (kinds.augmentations, ["shift4", "horizontal_flip"], "shift4,flip"),
    (kinds.augmentations, {"shift": 1, "flip": True}, "shift1,flip"),
    (kinds.conv_layers, "16x5x5/2,8x3x3/1", CONVS),
    (kinds.conv_layers, ["16x5x5/2", "8x3"], CONVS),
    (kinds.conv_layers, [[16, 5, 2], [8, 3]], CONVS),
    (kinds.conv_layers, CONVS, CONVS),
    *(
        (
            kinds.conv_layers,
            value,
            (Conv(16, 5, 1, 2), MaxPool(2), Conv(8, 3, 2, 1), AvgPool(3, 1, 1)),
        )
        for value in (
            "16x5x5p2,max2,8x3/2p1,avg3/1p1",
            "16x5x5same maxpool2 8x3x3/2p1 avgpool3x3/1p1",
            [[16, 5, 1, 2], "max2", [8, 3, 2, 1], "avg3/1p1"],
            [
                {"filters": 16, "kernel_size": 5, "padding": "same"},
                {"max_pool": 2},
                {"type": "Conv2d", "out_channels": 8, "kernel": 3, "stride": 2, "padding": 1},
                {"kind": "average_pool", "pool_size": 3, "strides": 1, "padding": 1},
            ],
        )
    ),
    (
        kinds.conv_layers,
        [{"channels": 16, "kernel": 5, "stride": 2}, {"filters": 8, "kernel_size": 3}],
        CONVS,
    ),
    (
        kinds.conv_layers,
        "[{'channels': 16, 'kernel': 5, 'stride': 2}, {'channels': 8, 'kernel': 3}]",
        CONVS,
    ),
]

REFUSED = [
    *((kinds.text, value) for value in (3, ["a"], True)),
    *(
        (kinds.number(0), value)
        for value in (-1e-9, math.nan, math.inf, "inf", "nan", "abc", "", None, True, [1], HUGE)
    ),
    *((kinds.number(0, 1), value) for value in (1, 1.0, "1", -0.1)),
    *((kinds.number(0, above=True), value) for value in (0, 0.0, "0")),
    *(
        (kinds.integer(1), value)
        for value in (0, -1, "0", 64.5, "64.5", True, None, "abc", "", math.nan, math.inf, [1])
    ),
    (kinds.integer(1), "1e400"),
    *((kinds.integer(1, 9), value) for value in (10, 10.0, "10", 10**400, 1e300, "1e3")),
    *((kinds.sizes, value) for value in (10**6 + 1, [1, 10**6 + 1], HUGE, "1000001")),
    *((kinds.conv_layers, value) for value in (f"{10**9}x3", [[4, HUGE]])),
    *((kinds.project, f"a{mark}b") for mark in "/\\#?%:"),
    *((kinds.project, value) for value in ("x" * 129, 3)),
    *((kinds.optional(kinds.integer(1)), value) for value in (0, "abc", True, 1.5)),
    (kinds.number(0), "1_0.5"),
    (kinds.integer(1), "6_4"),
    *((kinds.augmentations, value) for value in ("turn", "flip2", "shift0", "flip,flip", 3, "")),
    *((kinds.boolean, value) for value in (2, "maybe", None, "", 1.5, [])),
    *((kinds.choice(OPTIMIZERS), value) for value in ("adm", "", None, 3, ["adam"], True)),
    *((kinds.device, value) for value in ("cud", "cuda:", "cuda:x", "", None, 0)),
    *(
        (kinds.sizes, value)
        for value in (0, "0", [0], [64, -1], "abc", "64;32", "", " ", None, True, 1.5, [[1]])
    ),
    *(
        (kinds.conv_layers, value)
        for value in (
            "",
            [],
            None,
            16,
            "16",
            "16x5x4",
            "16x0x0",
            "0x3",
            "16x5x5/0",
            "16x5x5/2/2",
            [[16]],
            [[16, 5, 2, 1, 1]],
            [{"channels": 16}],
            [{"kernel": 3}],
            [{"channels": 16, "kernel": 3, "dilation": 1}],
            [{"channels": "many", "kernel": 3}],
            [{"channels": 16, "kernel": 3, "stride": 2, "padding": "same"}],
            "16x3x3p",
            "max2",
            "16x3,max",
            "16x3,max2p2",
            [{"channels": 16, "kernel": 3}, {"max_pool": 0}],
            [{"channels": 16, "kernel": 3}, {"kind": "maxpol", "size": 2}],
            "[{'channels': 16, 'kernel': 5",
            "['16x5x5'",
        )
    ),
]


@pytest.mark.parametrize(("parse", "given", "expected"), TAKEN)
def test_taken(parse, given, expected):
    found = parse(given)
    assert found == expected
    assert type(found) is type(expected)
    assert parse(found) == found  # what is canonical stays as it is


@pytest.mark.parametrize(("parse", "given"), REFUSED)
def test_refused(parse, given):
    with pytest.raises(ValueError, match=r"expected|not a known|^$"):
        parse(given)


@pytest.mark.parametrize(
    ("parse", "given", "message"),
    [
        (kinds.number(0, 1), 2, "expected a number ≥ 0 and < 1"),
        (kinds.number(0, above=True), 0, "expected a number > 0"),
        (kinds.integer(1), "x", "expected an integer ≥ 1"),
        (kinds.optional(kinds.integer(1)), 0, "expected an integer ≥ 1, or none"),
        (kinds.integer(1, 5_000), 5_001, "expected an integer ≤ 5,000"),
        (kinds.optional(kinds.integer(1, 9)), 10, "expected an integer ≤ 9, or none"),
        (kinds.sizes, [8, HUGE], "expected an integer ≤ 1,000,000"),
        (kinds.conv_layers, f"{10**9}x3", "expected an integer ≤ 1,000,000"),
        (kinds.project, "a#b?", "expected a name without # ?"),
        (kinds.entity, "me/mine", "expected a name without /; entity and project are given apart"),
        (kinds.project, "x" * 129, "expected at most 128 characters"),
        (kinds.choice(OPTIMIZERS), "adma", "not a known choice; did you mean 'adam'?"),
        (kinds.device, "cudda", "not a known device; did you mean 'cuda'?"),
    ],
)
def test_messages(parse, given, message):
    with pytest.raises(ValueError, match=r"expected|not a known") as caught:
        parse(given)
    assert str(caught.value) == message


CHOICES = {
    name: values
    for module in (choices, parts)
    for name, values in vars(module).items()
    if name.isupper() and isinstance(values, dict)
}


@pytest.mark.parametrize("name", CHOICES)
def test_every_spelling_of_every_choice(name):
    parse = kinds.choice(CHOICES[name])
    taken = {}
    for canonical, choice in CHOICES[name].items():
        for spelling in (canonical, *choice.also):
            for written in (
                spelling,
                spelling.upper(),
                spelling.replace("_", "-"),
                spelling.replace("_", ""),
                spelling.title().replace("_", " "),
            ):
                assert parse(written) == canonical
            # No spelling means two things.
            folded = spelling.replace("_", "")
            assert taken.setdefault(folded, canonical) == canonical
        assert choice.meaning
