"""The stacked update rules take the steps of torch.optim, each row with settings of its own."""

import functools
import itertools
from typing import ClassVar

import numpy as np
import pytest
import torch

from dlsweep.config import RunConfig
from dlsweep.parts import OPTIMIZERS
from dlsweep.parts.optimizers import _kernels
from dlsweep.training._matrix import Columns
from dlsweep.training._updates import MemberUpdates, StackUpdates

STEPS = 30
SIZE = 40
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-6}

# Rows of different settings: the defaults, others, and the ends of what is allowed.
ROWS = (
    {},
    {"momentum": 0.5, "beta": 0.99, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
    {"momentum": 0.0, "beta": 0.0, "beta1": 0.0, "beta2": 0.0, "epsilon": 1e-1},
    {"momentum": 0.99, "beta": 0.999, "beta1": 0.99, "beta2": 0.9999, "epsilon": 1e-6},
)


@pytest.fixture(autouse=True)
def _nadams_product_in_float64():
    """torch.optim.NAdam keeps the product of its momenta in the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def torch_optimizer(config: RunConfig, parameter: torch.nn.Parameter) -> torch.optim.Optimizer:
    c = config
    adam = {"betas": (c.beta1, c.beta2), "eps": c.epsilon}
    make = {
        "sgd": torch.optim.SGD,
        "momentum": functools.partial(torch.optim.SGD, momentum=c.momentum),
        "nesterov": functools.partial(
            torch.optim.SGD, momentum=c.momentum, nesterov=c.momentum > 0
        ),
        "rmsprop": functools.partial(torch.optim.RMSprop, alpha=c.beta, eps=c.epsilon),
        "adam": functools.partial(torch.optim.Adam, **adam),
        "nadam": functools.partial(torch.optim.NAdam, **adam),
        "adamw": functools.partial(torch.optim.AdamW, **adam),
        "adagrad": functools.partial(torch.optim.Adagrad, eps=c.epsilon),
        "adadelta": functools.partial(torch.optim.Adadelta, rho=c.beta, eps=c.epsilon),
    }[c.optimizer]
    return make([parameter], lr=c.learning_rate, weight_decay=c.weight_decay)


def gradients(rows: int, dtype: torch.dtype) -> torch.Tensor:
    """(STEPS, rows, SIZE), of sizes from 0.01 to 1 and with zeros among them."""
    rng = np.random.default_rng(1)
    drawn = rng.standard_normal((STEPS, rows, SIZE)) * 10.0 ** rng.uniform(-2, 0, (rows, SIZE))
    drawn[:10, :, 0] = 0
    drawn[::3, :, 1] = 0
    return torch.from_numpy(drawn).to(dtype)


class Stacked:
    """The rules for a whole stack, as on a GPU."""

    def __init__(self, configs, parameters):
        columns = Columns({"all": parameters[0].shape})
        self.optimizer = StackUpdates(configs, columns, parameters)

    def epoch(self, rates, gradients):
        """Take a step for each gradient, (T, K, SIZE); yields after each."""
        self.optimizer.begin_epoch(rates, len(gradients))
        for gradient in gradients.clone():
            self.optimizer.step(gradient)
            yield

    def keep(self, rows, parameters):
        self.optimizer.keep(rows, parameters)


class ByMember:
    """Member by member, as on a CPU: of a matrix, transposed, and a vector."""

    SHAPES: ClassVar = {"weight": torch.Size([3, 12]), "bias": torch.Size([4])}

    def __init__(self, configs, parameters):
        columns, names = Columns(self.SHAPES, ["weight"]), [list(self.SHAPES)] * len(configs)
        self.optimizer = MemberUpdates(configs, columns, names, parameters)

    def epoch(self, rates, gradients):
        self.optimizer.begin_epoch(rates, len(gradients))
        for gradient in gradients.clone():
            self.optimizer.step([[row[:36].view(12, 3), row[36:]] for row in gradient])
            yield

    def keep(self, rows, parameters):
        self.optimizer.keep(rows, parameters)


@pytest.fixture(params=["stacked", "by member", "without fused kernels"])
def updates(request, monkeypatch):
    if request.param == "without fused kernels":  # as with a version of torch that has none
        monkeypatch.setattr(_kernels, "available", lambda: False)
    return Stacked if request.param == "stacked" else ByMember


def ours(updates, configs, start, gradient, rates, splits):
    """The parameters after each step; an epoch ends and the learning rates change at ``splits``."""
    parameters = start.clone()
    optimizer = updates(configs, parameters)
    path = []
    bounds = [0, *splits, STEPS]
    for epoch, (begin, end) in enumerate(itertools.pairwise(bounds)):
        for _ in optimizer.epoch(rates[epoch], gradient[begin:end]):
            path.append(parameters.clone())
    return torch.stack(path)


def theirs(configs, start, gradient, rates, splits):
    """The same by one optimizer of torch.optim for each row."""
    rows = []
    for k, config in enumerate(configs):
        parameter = torch.nn.Parameter(start[k].clone())
        optimizer = torch_optimizer(config, parameter)
        path = []
        for i in range(STEPS):
            epoch = sum(i >= split for split in splits)
            optimizer.param_groups[0]["lr"] = float(rates[epoch][k])
            parameter.grad = gradient[i, k].clone()
            optimizer.step()
            path.append(parameter.detach().clone())
        rows.append(torch.stack(path))
    return torch.stack(rows, 1)


def check(updates, configs, dtype, splits=()):
    # Weights start as small as the steps are, so that the tolerance is one on the steps.
    start = torch.from_numpy(np.random.default_rng(0).standard_normal((len(configs), SIZE)))
    start = (start * 0.01).to(dtype)
    gradient = gradients(len(configs), dtype)
    rates = [
        np.array([c.learning_rate * 0.3**epoch for c in configs])
        for epoch in range(len(splits) + 1)
    ]
    found = ours(updates, configs, start, gradient, rates, splits)
    expected = theirs(configs, start, gradient, rates, splits)
    for k in range(len(configs)):
        error = (found[:, k] - expected[:, k]).abs().max() / expected[:, k].abs().max()
        assert error < TOLERANCES[dtype], f"row {k}: {error:.1e}"
    assert found.dtype == dtype


@pytest.mark.parametrize("splits", [(), (7, 20)], ids=["one_rate", "rates_change"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("dtype", TOLERANCES, ids=["float64", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_takes_the_steps_of_torch_optim(updates, name, dtype, weight_decay, splits):
    configs = [
        RunConfig(optimizer=name, learning_rate=lr, weight_decay=weight_decay, **row)
        for row, lr in zip(ROWS, (0.01, 0.003, 0.02, 0.001), strict=True)
    ]
    check(updates, configs, dtype, splits)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=["float64", "float32"])
def test_rows_of_all_rules_and_of_some_with_weight_decay(updates, dtype):
    configs = [
        RunConfig(optimizer=name, learning_rate=0.01, weight_decay=decay, **ROWS[1])
        for name in OPTIMIZERS
        for decay in (0.0, 0.3)
    ]
    check(updates, configs, dtype, (10,))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rows_that_stay_go_on_where_they_were(updates, name):
    """After some rows have left, the others' steps are those they would have taken anyway."""
    others = [n for n in OPTIMIZERS if n != name]
    configs = [RunConfig(optimizer=n, weight_decay=0.01) for n in [*others[:3], name, name]]
    gradient = gradients(len(configs), torch.float64)
    start = torch.zeros(len(configs), SIZE)
    rates = np.full(len(configs), 0.01)
    expected = theirs(configs, start, gradient, [rates], ())

    parameters = start.clone()
    optimizer = updates(configs, parameters)
    rows = list(range(len(configs)))
    for begin, keep in ((0, [1, 3, 4]), (10, [2]), (20, [0])):
        for _ in optimizer.epoch(rates[: len(rows)], gradient[begin : begin + 10, rows]):
            pass
        torch.testing.assert_close(parameters, expected[begin + 9, rows], rtol=0, atol=1e-14)
        rows = [rows[row] for row in keep]
        parameters = parameters[keep]
        optimizer.keep(keep, parameters)
    assert rows == [4]


@pytest.mark.parametrize("dtype", TOLERANCES, ids=["float64", "float32"])
@pytest.mark.parametrize("beta1", [1e-300, 1e-40, 1e-12, 1e-7, 1e-4, 1e-2])
@pytest.mark.parametrize("name", ["adam", "nadam"])
def test_a_moment_that_hardly_remembers(updates, name, beta1, dtype):
    check(updates, [RunConfig(optimizer=name, learning_rate=0.01, beta1=beta1)] * 2, dtype, (10,))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_penalty_beyond_the_types_numbers_leaves_other_rows_alone(updates, name):
    configs = [RunConfig(optimizer=name, weight_decay=decay) for decay in (0.1, 1e39, 0.2)]
    gradient = gradients(3, torch.float32)
    rates = [np.full(3, 0.01)]
    found = ours(updates, configs, torch.ones(3, SIZE, dtype=torch.float32), gradient, rates, ())
    expected = ours(
        updates,
        configs[::2],
        torch.ones(2, SIZE, dtype=torch.float32),
        gradient[:, ::2],
        [rates[0][::2]],
        (),
    )
    torch.testing.assert_close(found[:, ::2], expected, rtol=0, atol=0)


def test_a_row_of_infinities_leaves_the_others_alone(updates):
    configs = [RunConfig(optimizer=name, weight_decay=0.1) for name in OPTIMIZERS]
    gradient = gradients(len(configs), torch.float64)
    start = torch.zeros(len(configs), SIZE)
    rates = np.full(len(configs), 0.01)
    expected = theirs(configs, start, gradient, [rates], ())
    for row in range(len(configs)):
        spoilt = gradient.clone()
        spoilt[5:10, row] = float("inf")
        spoilt[10:, row] = float("nan")
        found = ours(updates, configs, start, spoilt, [rates], ())
        others = [k for k in range(len(configs)) if k != row]
        torch.testing.assert_close(found[:, others], expected[:, others], rtol=0, atol=1e-14)
        assert not found[-1, row].isfinite().any()
