"""What trains on a GPU, tried on the CPU: the same results, and nothing asked of the device."""

import dataclasses
import gc
import shutil
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from dlsweep.training import BACKENDS, Layout, Stack, _graphs, train_stack
from dlsweep.training import _gpu_programs as programs
from dlsweep.training._gpu import way
from dlsweep.training._gpu_learner import GpuLearner
from dlsweep.training._initial import build_in, initial_values
from dlsweep.training._layout import ordered_parameters
from tests.training.helpers import assert_same_run, digits, small, train
from tests.training.test_stack_equals_alone import MODELS, ZOO, members

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")


def on_a_gpu(configs, data, monkeypatch, compile_for=None):
    """Trained as on a GPU, but for the graphs."""
    with monkeypatch.context() as patch:
        patch.setitem(BACKENDS, "torch", GpuLearner)
        return train_stack(configs, data, compile_for=compile_for)


@pytest.mark.parametrize("model", MODELS)
def test_as_on_a_cpu(model, monkeypatch):
    configs = members(model)
    for chosen in (configs, configs[:4], configs[2:3]):
        results = on_a_gpu(chosen, digits(), monkeypatch)
        for config, result in zip(chosen, results, strict=True):
            alone = train(config, digits())
            assert result.status == alone.status
            if result.status != "diverged":
                assert_same_run(result, alone)


@needs_compiler
def test_compiled_programs_train_the_same(monkeypatch):
    deep = [
        small(**{"num_layers": 1 + i % 3, "epochs": 2} | dict(member) | {"learning_rate": 0.01})
        for i, member in enumerate(ZOO)
    ]
    wide = [dataclasses.replace(c, hidden_size=12, batch_size=32) for c in deep[:3]]
    wide = [dataclasses.replace(c, num_layers=3) for c in wide]
    layout = Layout.of([*deep, *wide])
    programs._programs.clear()
    for stack in (deep[:4], wide, deep[:1]):
        results = on_a_gpu(stack, digits(), monkeypatch, layout)
        for config, result in zip(stack, results, strict=True):
            assert_same_run(result, train(config, digits()))
    gradients = [key for key in programs._programs if key[0] == "gradient"]
    assert len(gradients) == 1, "other widths, batches and sizes of stacks share a program"
    assert None not in programs._programs.values()
    programs._programs.clear()


class Questions(TorchDispatchMode):
    """Notes what would make the host wait for a device, or copy to it, which no graph may hold."""

    ASKING = ("_local_scalar_dense", "nonzero", "masked_select", "lift_fresh", "unique")

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name()
        if any(word in name for word in self.ASKING):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("model", MODELS)
def test_a_step_asks_the_device_for_nothing(model):
    learner = GpuLearner(members(model), digits())
    learner.train_epoch(1, np.full(len(ZOO), 0.01))
    with Questions() as questions:
        learner._epochs._position.zero_()
        learner._epochs._next()
    assert questions.found == []
    with Questions() as questions:
        torch.ones(1).item()
        torch.tensor(1)
    assert questions.found == ["aten::_local_scalar_dense", "aten::lift_fresh"]


class Mixed(TorchDispatchMode):
    """Notes the operations on tensors of several devices, but copies and single numbers."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [t for t in tree_iter((args, kwargs)) if isinstance(t, torch.Tensor) and t.dim()]
        if len({t.device.type for t in tensors}) > 1 and "copy" not in func.name():
            self.found.append(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("count", [len(ZOO), 1])
def test_all_that_is_done_is_done_on_the_device_of_the_data(model, count, monkeypatch):
    """On a device without numbers; where the host asks for them it gets zeros."""
    monkeypatch.setattr(torch.Tensor, "cpu", lambda t: torch.zeros(t.shape, dtype=t.dtype))
    monkeypatch.setattr(torch.Tensor, "tolist", lambda t: [0.0] * len(t))
    learner = GpuLearner(members(model)[:count], digits().to("meta"))
    with Mixed() as mixed:
        for rows in (range(count), [count - 1]):
            rates = np.full(len(learner.configs), 0.01)
            assert learner.train_epoch(1, rates)[0].shape == rates.shape
            assert learner.validate()[1].shape == rates.shape
            learner.remember([0])
            learner.expect([0])
            assert learner.recall(0, "test").probabilities.shape == (len(learner.data.test), 10)
            assert set(learner._alone[0].parameters) <= learner.best_weights(0).keys()
            learner.keep(rows)
    assert mixed.found == []
    assert learner.theta.device.type == "meta"
    assert len(learner.theta) == 1
    with Mixed() as mixed:
        learner.theta.index_select(0, torch.arange(1))
    assert mixed.found == ["aten::index_select"]


class FakeGraph:
    """Replays what was captured by calling it."""

    replays = 0

    def __init__(self):
        self.calls = []

    def pool(self):
        return None

    def replay(self):
        FakeGraph.replays += 1
        for call in self.calls:
            call()


def test_epochs_of_graphs_are_the_same(monkeypatch):
    """Captured steps are not run by the capture, and are replayed as often as there are steps."""
    configs = members("dropout", epochs=3, batch_size=4)  # 24 steps of an epoch
    learners = [GpuLearner(configs, digits(94)) for _ in range(2)]
    captured, graphs = learners[1]._epochs, []

    def make_graphs():
        for length in (1, 8):
            graph = FakeGraph()
            graph.calls = [captured._next] * length
            captured._graphs[length] = graph
        graphs.append(len(captured._graphs))

    monkeypatch.setattr(captured, "_capture", True)
    monkeypatch.setattr(captured, "_make_graphs", make_graphs)
    for epoch in (1, 2):
        losses = [learner.train_epoch(epoch, np.full(len(ZOO), 0.01)) for learner in learners]
        np.testing.assert_array_equal(*losses)
    assert graphs == [2]
    # 23 whole batches: 3 to warm up, 2 × 8 and 4; then 2 × 8 and 7.
    assert FakeGraph.replays == 2 + 4 + 2 + 7
    for a, b in zip(learners[0].state().values(), learners[1].state().values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_capture_that_fails_costs_a_line(monkeypatch, caplog):
    learner = GpuLearner(members("feedforward", batch_size=4), digits())
    expected = GpuLearner(members("feedforward", batch_size=4), digits())
    monkeypatch.setattr(learner._epochs, "_capture", True)
    collecting = []

    def broken(*_, **__):
        collecting.append(gc.isenabled())
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", broken)
    rates = np.full(len(ZOO), 0.01)
    for epoch in (1, 2):
        np.testing.assert_array_equal(
            learner.train_epoch(epoch, rates), expected.train_epoch(epoch, rates)
        )
    assert collecting == [False], "what is collected during a capture may be another graph"
    assert gc.isenabled()
    assert [record.getMessage() for record in caplog.records] == [
        "training goes on without CUDA graphs and slower: "
        "operation not permitted when stream is capturing"
    ]


def test_after_a_capture_the_streams_are_what_they_were(monkeypatch):
    """PyTorch leaves a stream in use whose capture has failed; here it is of another device."""
    present = {0: "stream of 0", 1: "stream of 1"}
    device = [0]

    def set_stream(stream):
        device[0] = int(stream[-1])
        present[device[0]] = stream

    monkeypatch.setattr(
        torch.cuda, "current_stream", lambda d=None: present[device[0] if d is None else d]
    )
    monkeypatch.setattr(torch.cuda, "set_stream", set_stream)
    with _graphs._undisturbed(SimpleNamespace(device=1)):
        set_stream("captured of 1")
    assert (device, present) == ([0], {0: "stream of 0", 1: "stream of 1"})


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("count", [len(ZOO), 1])
def test_a_stack_that_is_dropped_leaves_the_device_at_once(model, count, monkeypatch):
    """Not with the next garbage collection, which knows nothing of a device's memory."""
    monkeypatch.setitem(BACKENDS, "torch", GpuLearner)
    stack = Stack(members(model)[:count], digits())
    next(iter(stack))
    [learner] = [weakref.ref(v) for v in vars(stack).values() if isinstance(v, GpuLearner)]
    gc.disable()
    try:
        del stack
        assert learner() is None
    finally:
        gc.enable()


def test_results_are_brought_to_the_host_in_parts(monkeypatch):
    from dlsweep.training import _gpu_learner

    monkeypatch.setattr(_gpu_learner, "_ANSWER_BYTES", 2 * 4 * 10 * 360)
    configs = members("feedforward", epochs=1)
    for config, result in zip(configs, on_a_gpu(configs, digits(), monkeypatch), strict=True):
        if result.status != "diverged":
            assert_same_run(result, train(config, digits()))


@pytest.mark.parametrize("model", MODELS)
def test_values_are_those_of_a_model_for_each_member(model):
    configs = [dataclasses.replace(c, seed=i // 2) for i, c in enumerate(members(model))]
    if model == "feedforward":
        configs = [dataclasses.replace(c, num_layers=1 + i % 3) for i, c in enumerate(configs)]
    layout, data = Layout.of(configs), digits(96, torch.float32)
    _, theta, buffers = initial_values(layout, configs, data)
    for row, config in enumerate(configs):
        expected = build_in(layout, config, data)
        flat = torch.cat([p.detach().flatten() for p in ordered_parameters(expected).values()])
        assert torch.equal(theta[row], flat)
        for name, buffer in expected.named_buffers():
            assert torch.equal(buffers[name][row], buffer)


def test_the_way_to_train_can_be_chosen(monkeypatch):
    assert way() == "compiled"
    monkeypatch.setenv("DLSWEEP_GPU", "graphs")
    assert way() == "graphs"
    monkeypatch.setenv("DLSWEEP_GPU", "fast")
    with pytest.raises(ValueError, match="there are plain, graphs, compiled"):
        way()


@pytest.mark.gpu
@pytest.mark.parametrize("chosen", ["plain", "graphs", "compiled"])
def test_every_way_trains_the_same_on_a_gpu(chosen, monkeypatch):
    monkeypatch.setenv("DLSWEEP_GPU", chosen)
    configs = members("feedforward", batch_size=4)[:4]
    layout = Layout.of(configs)
    results = train_stack(configs, digits().to("cuda"), compile_for=layout)
    for config, result in zip(configs, results, strict=True):
        assert_same_run(result, train(config, digits()))
