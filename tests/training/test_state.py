"""A stack that goes on from its state, here or elsewhere, is the stack that never stopped."""

import dataclasses
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch

from dlsweep.training import Stack, StackState, StateError
from tests.training.helpers import SMALL_CNN, assert_same_bits, digits, small

RULES = ["sgd", "momentum", "nesterov", "rmsprop", "adam", "nadam"]
STACKS = {
    # Every rule; members of other depths and activations; epochs that end at different times.
    "rules": [
        small(
            optimizer=rule,
            epochs=2 + i % 3,
            seed=i,
            num_layers=1 + i % 3,
            activation=("relu", "tanh")[i % 2],
            weight_decay=0.01 * i,
            lr_schedule=("constant", "step", "cosine")[i % 3],
            step_size=1,
        )
        for i, rule in enumerate(RULES)
    ],
    "dropout and batch norm": [
        small(epochs=4, dropout=0.2, batch_norm=True, seed=seed, optimizer=rule)
        for seed, rule in enumerate(["adam", "sgd", "adam"])
    ],
    "early stopping and divergence": [
        small(epochs=6, optimizer="momentum", learning_rate=0.2, early_stopping=2),
        small(epochs=6, optimizer="sgd", learning_rate=1e300),
        small(epochs=5, optimizer="adam", learning_rate=0.0, early_stopping=3),
    ],
    "cnn": [small(**SMALL_CNN, epochs=3, batch_norm=True, dropout=0.1, seed=s) for s in (0, 1)],
    "alone": [small(epochs=3, dropout=0.3, optimizer="nadam")],
    "numpy adam": [small(epochs=4, backend="numpy", optimizer="adam", early_stopping=1)],
    "numpy nadam": [small(epochs=3, backend="numpy", optimizer="nadam")],
    "numpy momentum": [small(epochs=3, backend="numpy", optimizer="momentum", weight_decay=0.1)],
}


def data():
    return digits(dtype=torch.float32)


def states(configs):
    """The results of an undisturbed stack, and its state after every epoch but the last."""
    stack, results, found = Stack(configs, data()), {}, []
    for end in stack:
        results.update(end.results)
        if stack.active:
            state = stack.state()
            found.append(StackState(json.loads(json.dumps(state.facts)), state.arrays))
    return results, found


def go_on(configs, state):
    """The results of those that are left, and how the stack saw itself when it went on."""
    torch.set_num_threads(1)
    stack = Stack(configs, data(), state=state)
    histories = stack.histories
    return {i: r for end in stack for i, r in end.results.items()}, histories


def check(results, again, histories, active):
    assert again.keys() == histories.keys() == set(active)
    for i, result in again.items():
        assert_same_bits(result, results[i])
        before = len(histories[i])
        assert tuple(histories[i]) == result.history[:before] == results[i].history[:before]


def active(state):
    return [member["index"] for member in state.facts["members"]]


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_goes_on_after_any_epoch(name):
    results, found = states(STACKS[name])
    assert len(found) >= 2
    for state in found:
        check(results, *go_on(STACKS[name], state), active(state))


@pytest.mark.process
def test_in_a_new_process_too():
    undisturbed = {name: states(configs) for name, configs in STACKS.items()}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        for name, (results, found) in undisturbed.items():
            state = found[len(found) // 2]
            again = pool.submit(go_on, STACKS[name], state).result()
            check(results, *again, active(state))


def test_a_stop_that_was_asked_for_is_not_forgotten():
    configs = [small(epochs=5), small(epochs=5, seed=1)]
    stack = Stack(configs, data())
    next(iter(stack))
    stack.stop(1, "pruned")
    again, _ = go_on(configs, stack.state())
    assert (again[1].status, len(again[1].history)) == ("pruned", 2)
    assert (again[0].status, len(again[0].history)) == ("finished", 5)


def test_a_state_does_not_change_when_its_stack_goes_on():
    stack = Stack(STACKS["dropout and batch norm"], data())
    epochs = iter(stack)
    next(epochs)
    state = stack.state()
    before = {name: array.copy() for name, array in state.arrays.items()}
    next(epochs)
    after = stack.state().arrays
    assert all((after[name] != before[name]).any() for name in ("parameters", "best", "slots.1"))
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(array, before[name])


CONFIGS = [small(epochs=3), small(epochs=3, seed=1)]


@pytest.fixture(scope="module")
def state():
    return states(CONFIGS)[1][0]


def changed(state, **identity):
    facts = {**state.facts, "identity": {**state.facts["identity"], **identity}}
    return StackState(facts, state.arrays)


def test_states_of_something_else_are_refused(state):
    with pytest.raises(StateError, match=r"other torch than the stack's \(1\.0, now "):
        Stack(CONFIGS, data(), state=changed(state, torch="1.0"))
    with pytest.raises(StateError, match=r"other format than the stack's \(0, now 8\)"):
        Stack(CONFIGS, data(), state=changed(state, format=0))
    with pytest.raises(StateError, match="other configurations than the stack's"):
        Stack([CONFIGS[0], dataclasses.replace(CONFIGS[1], seed=2)], data(), state=state)
    with pytest.raises(StateError, match="other type"):
        Stack(CONFIGS, digits(dtype=torch.float64), state=state)
    with pytest.raises(StateError, match="other images"):
        Stack(CONFIGS, digits(90, dtype=torch.float32), state=state)
    members = {**state.facts, "members": []}
    with pytest.raises(StateError, match="other members"):
        Stack(CONFIGS, data(), state=StackState(members, state.arrays))
    turned = {**state.facts, "members": state.facts["members"][::-1]}
    assert len(turned["members"]) > 1
    with pytest.raises(StateError, match="its members in another order"):
        Stack(CONFIGS, data(), state=StackState(turned, state.arrays))


def test_a_state_is_good_for_runs_that_are_shown_elsewhere(state):
    moved = [
        dataclasses.replace(config, wandb_project="another", figures="none") for config in CONFIGS
    ]
    on, expected = (iter(Stack(c, data(), state=state)) for c in (moved, CONFIGS))
    assert next(on).metrics[1].val_loss == next(expected).metrics[1].val_loss


def test_arrays_of_something_else_are_refused(state):
    for arrays, message in (
        ({**state.arrays, "more": np.zeros(1)}, "other arrays"),
        ({**state.arrays, "best": state.arrays["best"][:, 1:]}, "array best has another shape"),
        ({**state.arrays, "best": state.arrays["best"].astype(np.float64)}, "array best"),
    ):
        with pytest.raises(StateError, match=message):
            Stack(CONFIGS, data(), state=StackState(state.facts, arrays))
