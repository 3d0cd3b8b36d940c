"""A new part is one new file: in a copy of the package, which then trains with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlsweep import parts
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.process

FILES = {
    "activations/softplus.py": '''
"""Softplus, a smooth rectifier."""

from dlsweep.parts._lazy import torch
from dlsweep.parts.activations import Activation


class Softplus(Activation):
    """y = log(1 + eˣ)"""

    name = "softplus"
    meaning = "log(1 + eˣ)"
    also = ("smooth_relu",)
    keeps = "input"

    def __call__(self, x):
        return torch.nn.functional.softplus(x)

    def apply_(self, x, y):
        return y.copy_(torch.nn.functional.softplus(x))

    def backward_(self, d, kept):
        return d.mul_(torch.sigmoid(kept))
''',
    "optimizers/signsgd.py": '''
"""Signs of the gradients."""

from dlsweep.parts import Option
from dlsweep.parts.optimizers import Optimizer


class SignSGD(Optimizer):
    """w ← w − lr · sign(g)"""

    name = "signsgd"
    meaning = "signs of the gradients"
    options = {"sign_floor": Option(0.0, "signsgd: smaller gradients are none", low=0)}

    def update(self, w, g, slots, h, factors):
        w.sub_(g.sign_().mul_(factors[0]))
''',
    "initializers/even.py": '''
"""Uniform weights."""

from dlsweep.parts.initializers import Initializer


class Even(Initializer):
    """Uniform in ±0.2"""

    name = "even"
    meaning = "uniform in ±0.2"

    def weights(self, rng, shape, fan_in, fan_out, options):
        return rng.uniform(-0.2, 0.2, shape)
''',
    "losses/hinge.py": '''
"""One hinge for all classes."""

from dlsweep.parts.losses import Loss
from dlsweep.parts._lazy import torch


class Hinge(Loss):
    """The mean over classes of max(0, 1 + margin)"""

    name = "hinge"
    meaning = "one hinge for all classes"

    def __call__(self, logits, labels, options):
        right = logits.gather(1, labels[:, None])
        return (1 + logits - right).clamp(min=0).mean(dim=1)

    def gradient(self, logits, one_hot, into, options):
        right = (logits * one_hot).sum(1, keepdim=True)
        active = (1 + logits - right > 0).to(logits.dtype) * (1 - one_hot)
        into.copy_(active - one_hot * active.sum(1, keepdim=True))
        into.mul_(1 / (logits.shape[1] * logits.shape[2]))
''',
    "augmentations/darken.py": '''
"""Darker images."""

from dlsweep.parts.augmentations import Augmentation


class Darken(Augmentation):
    """Each image is halved with probability ½."""

    name = "darken"
    meaning = "halved with probability ½"

    def draw(self, rng, count, amount):
        return rng.integers(0, 2, count)

    def apply(self, images, drawn, amount):
        return images * (1 - 0.5 * drawn[:, None, None, None])
''',
    "layers/norm_pool.py": '''
"""Pooling by the root of the mean square."""

from dataclasses import dataclass
from typing import ClassVar

from dlsweep.parts._lazy import torch
from dlsweep.parts.layers._pool import Pool


@dataclass(frozen=True)
class NormPool(Pool):
    """The norm of each window."""

    name: ClassVar[str] = "norm_pool"
    meaning: ClassVar[str] = "pooling by the norm: norm2"
    short: ClassVar[str] = "norm"

    def module(self, channels, *, bias):
        return torch.nn.LPPool2d(2, self.size, self.stride or self.size)
''',
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with these files, and nothing else changed."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "dlsweep", folder / "dlsweep", ignore=ignored)
    for name, text in FILES.items():
        path = folder / "dlsweep" / "parts" / name
        assert not path.exists()
        path.write_text(text.lstrip(), encoding="utf-8")
    return folder


def run(copy: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy), "WANDB_MODE": "disabled"}
    done = subprocess.run(
        [sys.executable, "-m", "dlsweep", *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


SETTINGS = "-d digits -e 8 -sz 32 --figures none"


@pytest.mark.parametrize(
    "flags",
    [
        "-nhl 2 -o signsgd --sign_floor 0.5 -lr 0.001 -w_i even -b 16 -l hinge -a smooth-relu",
        "-nhl 1 --model cnn --conv_layers 4x3x3p1,norm2 -o SignSGD -lr 0.003 -l hinge -a softplus "
        "--augment darken,shift1",
    ],
    ids=["feedforward", "cnn"],
)
def test_a_new_file_of_each_kind_is_trained_with(copy: Path, flags: str):
    output = run(copy, "train", *SETTINGS.split(), *flags.split())
    accuracy = float(re.findall(r"best_val_accuracy (\S+)", output)[0])
    assert accuracy > 0.3  # of ten classes
    assert "no effect" not in output


def test_it_is_in_the_help_and_in_the_hints(copy: Path):
    text = run(copy, "train", "--help")
    for name in ("softplus", "signsgd", "even", "hinge", "--sign_floor"):
        assert name in text


@pytest.mark.parametrize("name", ["gelu", "silu", "adamw", "adagrad", "adadelta", "avg_pool"])
def test_no_other_file_knows_of_a_part(name: str):
    """But for the from-scratch network, which stands for itself."""
    kinds = (parts.ACTIVATIONS, parts.OPTIMIZERS, parts.LAYERS, parts.AUGMENTATIONS)
    assert any(name in kind for kind in kinds)
    word = re.compile(rf"\b{name}\b", re.IGNORECASE)
    found = [
        path.relative_to(REPOSITORY / "dlsweep")
        for path in sorted((REPOSITORY / "dlsweep").rglob("*.py"))
        if path.parent.name != "scratch"
        and any(word.search(line) for line in _code(path.read_text(encoding="utf-8")))
    ]
    assert [path.parts[0] for path in found] == ["parts"], found


def _code(text: str) -> list[str]:
    """The lines without comments and docstrings, nearly."""
    text = re.sub(r'""".*?"""', "", text, flags=re.DOTALL)
    return [line.partition("#")[0] for line in text.splitlines()]
