"""Members of different depths on a CPU: a layer is computed, and updated, for those who have it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dlsweep.config import RunConfig
from dlsweep.models import build
from dlsweep.training._depths import example_depths, members_with
from dlsweep.training._layout import Layout, ordered_parameters, standing
from dlsweep.training._torch import TorchLearner
from tests.training.helpers import digits, small

RULES = ["adam", "sgd", "adam", "sgd"]
DEPTHS = [1, 3, 2, 3]
CONFIGS = [
    small(num_layers=d, optimizer=o, weight_decay=0.01) for d, o in zip(DEPTHS, RULES, strict=True)
]


def test_the_deepest_stand_first_on_a_cpu_and_rules_of_one_kind_together_everywhere():
    assert standing(CONFIGS, "cpu") == [1, 3, 2, 0]
    assert standing(CONFIGS, "cuda") == [0, 2, 1, 3]


def test_what_a_member_has_are_its_first_columns():
    shallow, deep = (
        list(ordered_parameters(build(RunConfig(num_layers=n), (1, 28, 28), 10))) for n in (2, 4)
    )
    assert deep[: len(shallow)] == shallow
    assert shallow[0] == "hidden.0.weights.weight"
    assert len(deep) == 10


def test_how_many_members_have_a_layer():
    depths = [3, 3, 2, 1]
    assert [members_with(f"hidden.{i}.weights.bias", depths) for i in range(4)] == [4, 3, 2, 0]
    assert members_with("output.weight", depths) == 4


@pytest.mark.parametrize("depth", [1, 2, 5, 12])
def test_no_two_layers_are_traced_with_as_many_members(depth):
    depths = example_depths(depth)
    counts = [members_with(f"hidden.{i}.weights.weight", depths) for i in range(depth)]
    assert sorted(set(counts), reverse=True) == counts
    assert depths == sorted(depths, reverse=True)
    assert counts[0] == len(depths) == members_with("output.bias", depths)
    assert all(count > 3 and count % 2 == 1 for count in counts)


@pytest.mark.parametrize("compiled", [False, True])
def test_what_a_member_does_not_have_is_never_updated(compiled):
    configs = [CONFIGS[i] for i in standing(CONFIGS, "cpu")]
    learner = TorchLearner(configs, digits(), Layout.of(configs) if compiled else None)
    before = learner.theta.clone()
    learner.train_epoch(1, np.full(len(configs), 0.01))
    for row in range(len(configs)):
        owned = learner.parameters(row)
        assert torch.equal(learner.theta[row, owned:], before[row, owned:])
        assert (learner.theta[row, :owned] != before[row, :owned]).any()
        # One step of decay alone would change the identity layers, which have ones.
        assert owned == before.shape[1] or (before[row, owned:] == 1).any()
