"""The queue of stacks that wait."""

from __future__ import annotations

from typing import Any

import pytest

from dlsweep.config import RunConfig
from dlsweep.sweep.driver._queue import StackQueue
from dlsweep.sweep.execution import ProcessExecutor
from dlsweep.sweep.study import Run
from dlsweep.training.planning import members_that_fit


def runs(*settings: dict[str, Any]) -> list[Run]:
    small = {"dataset": "digits", "hidden_size": 16}
    configs = [RunConfig(**{**small, **more}) for more in settings]
    return [Run(i, config, f"id{i}", f"run-{i}") for i, config in enumerate(configs)]


def make(slots: int = 1, device: str = "cpu") -> StackQueue:
    return StackQueue(ProcessExecutor(slots, device=device))  # which is not started


def numbers(stacks: list[list[Run]]) -> list[list[int]]:
    return [[run.number for run in stack] for stack in stacks]


def test_the_longest_stack_comes_first_and_every_run_once():
    queue = make()
    assert not queue
    planned = queue.add(
        runs({"epochs": 1}, {"epochs": 9, "batch_size": 8}, {"epochs": 1}, {"epochs": 2})
    )
    assert numbers(planned) == [[1], [0, 2, 3]]
    assert sorted(run.number for run in queue.runs) == [0, 1, 2, 3]
    assert [queue.next(), queue.next()] == planned
    assert not queue


def test_more_slots_make_smaller_stacks():
    some = runs(*[{"seed": seed} for seed in range(8)])
    assert [len(stack) for stack in make(2).add(some)] == [4, 4]
    assert [len(stack) for stack in make(8).add(some)] == [1] * 8


def test_a_stack_that_was_planned_before_stays_as_it_was():
    some = runs({}, {"seed": 1}, {"seed": 2})
    queue = make()
    queue.put(some[1:])
    assert numbers(queue.add(some[:1])) == [[0]]
    assert numbers([queue.next(), queue.next()]) == [[1, 2], [0]]


def test_runs_that_are_removed_are_not_handed_out():
    some = runs({"batch_size": 8}, {}, {})
    queue = make()
    queue.add(some)
    assert queue.remove(some[0]) == []
    assert queue.remove(some[2]) == [some[1]]
    assert queue.remove(some[2]) == []
    assert queue.next() == [some[1]]
    assert not queue


def test_stacks_on_a_gpu_keep_to_the_memory_that_is_free(monkeypatch: pytest.MonkeyPatch):
    some = runs(*[{"hidden_size": 128, "learning_rate": 0.1 / (i + 1)} for i in range(6)])
    room = 5_000_000
    fit = members_that_fit(some[0].config, room)
    assert 1 < fit < 6
    asked: list[tuple[str, int]] = []

    def free_memory(device: str, slots: int) -> int:
        asked.append((device, slots))
        return room

    monkeypatch.setattr("dlsweep.sweep.driver._queue.free_memory", free_memory)
    queue = make(1, "cuda")
    queue.add(some)
    assert max(len(queue.next()) for _ in range(2)) <= fit
    assert asked == [("cuda", 1)]
    make().add(some)
    assert asked == [("cuda", 1)]  # on a CPU stacks are small


def test_convolutions_are_handed_out_one_by_one():
    cnn = {"model": "cnn", "conv_layers": "4x3x3", "num_layers": 0}
    planned = make().add(runs({}, cnn, {**cnn, "epochs": 11}, {"seed": 1}))
    assert sorted(numbers(planned)) == [[0, 3], [1], [2]]
