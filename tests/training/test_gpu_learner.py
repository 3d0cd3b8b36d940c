"""What trains on a GPU, tried on the CPU: the same results, and nothing asked of the device."""

import dataclasses
import shutil

import pytest
import torch

from dlsweep.training import BACKENDS, Layout, train_stack
from dlsweep.training import _gpu_programs as programs
from dlsweep.training._gpu_learner import GpuLearner
from tests.training.helpers import SMALL_CNN, assert_same_run, digits, small, train
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
