"""The queue of stacks that wait."""

from __future__ import annotations

from typing import Any

import pytest

from dlsweep.config import RunConfig
from dlsweep.sweep.driver._queue import StackQueue
from dlsweep.sweep.execution import ProcessExecutor
from dlsweep.sweep.study import Run
from dlsweep.training import Layout, stack_memory


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
    assert [queue.next()[0], queue.next()[0]] == planned
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
    assert numbers([queue.next()[0], queue.next()[0]]) == [[1, 2], [0]]


def test_runs_that_are_removed_are_not_handed_out():
    some = runs({"batch_size": 8}, {}, {})
    queue = make()
    queue.add(some)
    assert queue.remove(some[0]) == []
    assert queue.remove(some[2]) == [some[1]]
    assert queue.remove(some[2]) == []
    assert queue.next()[0] == [some[1]]
    assert not queue


def test_what_is_compiled_once_stays_compiled(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[float, int]] = []

    def pays(member_steps: float, slots: int, device: str) -> bool:
        assert device == "cuda"
        asked.append((member_steps, slots))
        return member_steps > 100

    monkeypatch.setattr("dlsweep.sweep.driver._queue.compiling_pays", pays)
    monkeypatch.setattr("dlsweep.sweep.driver._queue.free_memory", lambda *_: None)
    config = {"epochs": 1, "batch_size": 1293}  # one step for all the training images
    first, second = runs(config), runs(config, {**config, "activation": "tanh"})
    queue = make(2, "cuda")
    queue.add(first)
    assert queue.next(remaining=10) == (first, None)
    queue.add(second)
    layout = Layout.of([run.config for run in second])
    assert queue.next(remaining=200)[1] == layout  # 2 steps wait; 200 runs more are like these
    assert queue.next()[1] == layout
    assert asked == [(11, 2), (202, 2)]


def test_what_an_earlier_process_compiled_stays_compiled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dlsweep.sweep.driver._queue.compiling_pays", lambda *_: False)
    monkeypatch.setattr("dlsweep.sweep.driver._queue.free_memory", lambda *_: None)
    earlier = [RunConfig(dataset="digits", hidden_size=size) for size in (32, 8)]
    queue = make(1, "cuda")
    queue.resume(earlier, compiling=True)
    some = runs({})
    queue.add(some)
    # Wide enough for the earlier runs too, so that their programs are used again.
    assert queue.next() == (some, Layout.of([*earlier, some[0].config]))


def test_nothing_is_compiled_for_a_cpu():
    some = runs({})
    queue = make()
    queue.add(some)
    assert queue.next(remaining=10**9) == (some, None)


def test_stacks_keep_to_the_memory_that_is_free(monkeypatch: pytest.MonkeyPatch):
    some = runs(*[{"hidden_size": 128, "learning_rate": 0.1 / (i + 1)} for i in range(6)])
    room = stack_memory([run.config for run in some[:2]]).total
    asked: list[tuple[str, int]] = []

    def free_memory(device: str, slots: int) -> int:
        asked.append((device, slots))
        return room

    monkeypatch.setattr("dlsweep.sweep.driver._queue.free_memory", free_memory)
    queue = make()
    queue.add(some)
    assert [len(queue.next()[0]) for _ in range(3)] == [2, 2, 2]
    assert asked == [("cpu", 1)]


def test_where_free_memory_is_not_known_stacks_are_as_large_as_the_caches_allow(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("dlsweep.sweep.driver._queue.free_memory", lambda device, slots: None)
    queue = make()
    queue.add(runs(*[{"hidden_size": 256, "seed": i} for i in range(9)]))
    assert [len(queue.next()[0]) for _ in range(3)] == [3, 3, 3]


def test_convolutions_are_handed_out_one_by_one():
    cnn = {"model": "cnn", "conv_layers": "4x3x3", "num_layers": 0}
    planned = make().add(runs({}, cnn, {**cnn, "epochs": 11}, {"seed": 1}))
    assert sorted(numbers(planned)) == [[0, 3], [1], [2]]
