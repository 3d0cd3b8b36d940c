"""The stacked update rules take the steps of torch.optim, each row with settings of its own."""

import functools
import itertools

import numpy as np
import pytest
import torch

from dlsweep.config import RunConfig
from dlsweep.config.choices import OPTIMIZERS
from dlsweep.training import RULES
from dlsweep.training._optimizers import Optimizer

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
    }[c.optimizer]
    return make([parameter], lr=c.learning_rate, weight_decay=c.weight_decay)


def gradients(rows: int, dtype: torch.dtype) -> torch.Tensor:
    """(STEPS, rows, SIZE), of sizes from 0.01 to 1 and with zeros among them."""
    rng = np.random.default_rng(1)
    drawn = rng.standard_normal((STEPS, rows, SIZE)) * 10.0 ** rng.uniform(-2, 0, (rows, SIZE))
    drawn[:10, :, 0] = 0
    drawn[::3, :, 1] = 0
    return torch.from_numpy(drawn).to(dtype)


def ours(configs, start, gradient, rates, splits):
    """The parameters after each step; an epoch ends and the learning rates change at ``splits``."""
    parameters = start.clone()
    optimizer = Optimizer(configs, parameters)
    path = []
    bounds = [0, *splits, STEPS]
    for epoch, (begin, end) in enumerate(itertools.pairwise(bounds)):
        tables = optimizer.begin_epoch(rates[epoch], end - begin, parameters)
        for i in range(begin, end):
            step = [table[i - begin].unbind(0) for table in tables]
            optimizer.step(gradient[i].clone(), step)
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


def check(configs, dtype, splits=()):
    # Weights start as small as the steps are, so that the tolerance is one on the steps.
    start = torch.from_numpy(np.random.default_rng(0).standard_normal((len(configs), SIZE)))
    start = (start * 0.01).to(dtype)
    gradient = gradients(len(configs), dtype)
    rates = [
        np.array([c.learning_rate * 0.3**epoch for c in configs])
        for epoch in range(len(splits) + 1)
    ]
    found = ours(configs, start, gradient, rates, splits)
    expected = theirs(configs, start, gradient, rates, splits)
    for k in range(len(configs)):
        error = (found[:, k] - expected[:, k]).abs().max() / expected[:, k].abs().max()
        assert error < TOLERANCES[dtype], f"row {k}: {error:.1e}"
    assert found.dtype == dtype


@pytest.mark.parametrize("splits", [(), (7, 20)], ids=["one_rate", "rates_change"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("dtype", TOLERANCES, ids=["float64", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_takes_the_steps_of_torch_optim(name, dtype, weight_decay, splits):
    configs = [
        RunConfig(optimizer=name, learning_rate=lr, weight_decay=weight_decay, **row)
        for row, lr in zip(ROWS, (0.01, 0.003, 0.02, 0.001), strict=True)
    ]
    check(configs, dtype, splits)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=["float64", "float32"])
def test_rows_of_all_rules_and_of_some_with_weight_decay(dtype):
    configs = [
        RunConfig(optimizer=name, learning_rate=0.01, weight_decay=decay, **ROWS[1])
        for name in OPTIMIZERS
        for decay in (0.0, 0.3)
    ]
    check(configs, dtype, (10,))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rows_that_stay_go_on_where_they_were(name):
    """After some rows have left, the others' steps are those they would have taken anyway."""
    others = [n for n in OPTIMIZERS if n != name]
    configs = [RunConfig(optimizer=n, weight_decay=0.01) for n in [*others[:3], name, name]]
    gradient = gradients(len(configs), torch.float64)
    start = torch.zeros(len(configs), SIZE)
    rates = np.full(len(configs), 0.01)
    expected = theirs(configs, start, gradient, [rates], ())

    parameters = start.clone()
    optimizer = Optimizer(configs, parameters)
    rows = list(range(len(configs)))
    for begin, keep in ((0, [1, 3, 4]), (10, [2]), (20, [0])):
        tables = optimizer.begin_epoch(rates[: len(rows)], 10, parameters)
        for i in range(10):
            step = [table[i].unbind(0) for table in tables]
            optimizer.step(gradient[begin + i, rows].clone(), step)
        torch.testing.assert_close(parameters, expected[begin + 9, rows], rtol=0, atol=1e-14)
        rows = [rows[row] for row in keep]
        parameters = parameters[keep]
        optimizer.keep(keep, parameters)
    assert rows == [4]


def test_a_row_of_infinities_leaves_the_others_alone():
    configs = [RunConfig(optimizer=name, weight_decay=0.1) for name in OPTIMIZERS]
    gradient = gradients(len(configs), torch.float64)
    start = torch.zeros(len(configs), SIZE)
    rates = np.full(len(configs), 0.01)
    expected = theirs(configs, start, gradient, [rates], ())
    for row in range(len(configs)):
        spoilt = gradient.clone()
        spoilt[5:10, row] = float("inf")
        spoilt[10:, row] = float("nan")
        found = ours(configs, start, spoilt, [rates], ())
        others = [k for k in range(len(configs)) if k != row]
        torch.testing.assert_close(found[:, others], expected[:, others], rtol=0, atol=1e-14)
        assert not found[-1, row].isfinite().any()


def test_there_is_a_rule_for_every_choice():
    assert list(RULES) == list(OPTIMIZERS)
