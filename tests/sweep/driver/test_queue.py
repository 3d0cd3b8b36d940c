"""Runs that wait, in stacks."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from dlsweep.sweep._stacks import StackQueue

from dlsweep.config import RunConfig
from dlsweep.training import Layout, stack_memory


@dataclass(frozen=True)
class Run:
    number: int
    config: RunConfig


def runs(*settings: dict[str, object]) -> list[Run]:
    small = {"dataset": "digits", "hidden_size": 16}
    return [Run(i, RunConfig(**small | given)) for i, given in enumerate(settings)]


def test_the_longest_stack_comes_first_and_every_run_once():
    some = runs({"epochs": 1}, {"epochs": 9, "batch_size": 8}, {"epochs": 1}, {"epochs": 2})
    queue: StackQueue[Run] = StackQueue(1)
    assert not queue
    queue.add(some)
    assert sorted(run.number for run in queue.waiting) == [0, 1, 2, 3]
    taken = [queue.next()[0], queue.next()[0]]
    assert [[run.number for run in stack] for stack in taken] == [[1], [0, 2, 3]]
    assert not queue


def test_runs_that_are_dropped_are_not_handed_out():
    some = runs({"batch_size": 8}, {}, {})
    queue: StackQueue[Run] = StackQueue(1)
    queue.add(some)
    queue.drop([some[0], some[2]])
    assert queue.next()[0] == [some[1]]
    assert not queue


def test_what_is_compiled_once_stays_compiled(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[float, int]] = []

    def pays(member_steps: float, processes: int, device: str) -> bool:
        assert device == "cuda"
        asked.append((member_steps, processes))
        return member_steps > 100

    monkeypatch.setattr("dlsweep.sweep._stacks.compiling_pays", pays)
    monkeypatch.setattr("dlsweep.sweep._stacks.free_memory", lambda *_: None)
    config = {"epochs": 1, "batch_size": 1293}  # one step for all the training images
    first, second = runs(config), runs(config, {**config, "activation": "tanh"})
    queue: StackQueue[Run] = StackQueue(2, "cuda")
    queue.add(first)
    assert queue.next(unasked=10) == (first, None)
    queue.add(second)
    layout = Layout.of([run.config for run in second])
    assert queue.next(unasked=200)[1] == layout  # 2 steps wait; 200 runs more are like these
    assert queue.next()[1] == layout
    assert asked == [(11, 2), (202, 2)]


def test_nothing_is_compiled_for_a_cpu():
    some = runs({})
    queue: StackQueue[Run] = StackQueue(1)
    queue.add(some)
    assert queue.next(unasked=10**9) == (some, None)


def test_stacks_keep_to_the_memory_that_is_free(monkeypatch: pytest.MonkeyPatch):
    some = runs(*[{"hidden_size": 128, "learning_rate": 0.1 / (i + 1)} for i in range(6)])
    room = stack_memory([run.config for run in some[:2]]).total
    asked: list[tuple[str, int]] = []

    def free_memory(device: str, processes: int) -> int:
        asked.append((device, processes))
        return room

    monkeypatch.setattr("dlsweep.sweep._stacks.free_memory", free_memory)
    queue: StackQueue[Run] = StackQueue(1)
    queue.add(some)
    assert [len(queue.next()[0]) for _ in range(3)] == [2, 2, 2]
    assert asked == [("cpu", 1)]


def test_where_it_is_not_known_what_is_free_stacks_are_as_large_as_the_caches_allow(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("dlsweep.sweep._stacks.free_memory", lambda device, processes: None)
    queue: StackQueue[Run] = StackQueue(1)
    queue.add(runs(*[{"hidden_size": 256, "seed": i} for i in range(9)]))
    assert [len(queue.next()[0]) for _ in range(3)] == [3, 3, 3]


def test_convolutions_are_handed_out_one_by_one():
    queue: StackQueue[Run] = StackQueue(1)
    cnn = {"model": "cnn", "conv_layers": "4x3x3", "num_layers": 0}
    queue.add(runs({}, cnn, cnn | {"epochs": 11}, {"seed": 1}))
    taken = [[run.number for run in queue.next()[0]] for _ in range(3)]
    assert sorted(taken) == [[0, 3], [1], [2]]
