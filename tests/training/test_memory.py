"""How much memory a stack takes is known before, and stacks are kept within what there is."""

import dataclasses
import json
import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from dlsweep.config import ConfigError, RunConfig
from dlsweep.training import (
    Layout,
    Stack,
    free_memory,
    load_data,
    members_that_fit,
    plan,
    refuse_oversized,
    stack_memory,
)
from dlsweep.training._memory import _at_most
from dlsweep.training._peak import peak_memory
from tests.training.helpers import small
from tests.training.test_planner import random_config

WIDE = {"num_layers": 4, "hidden_size": 768, "batch_size": 64, "train_size": 128}
LARGE_BATCHES = {"num_layers": 4, "hidden_size": 256, "batch_size": 1024, "train_size": 1024}
CONVOLUTIONS = {
    "model": "cnn",
    "conv_layers": "512x3x3,16x3x3",  # wide, for on a CPU one member's are in memory at a time
    "num_layers": 0,
    "batch_size": 1024,
    "train_size": 1024,
}
CASES = {
    "much to remember": (8, WIDE | {"optimizer": "adam"}),
    "little to remember": (8, WIDE | {"optimizer": "sgd"}),
    "large batches": (32, LARGE_BATCHES),
    "convolutions": (6, CONVOLUTIONS),
    "convolution alone": (1, CONVOLUTIONS | {"activation": "elu"}),
    "batch norm and dropout": (6, CONVOLUTIONS | {"batch_norm": True, "dropout": 0.3}),
}

PROGRAM = """
import json, sys
from dlsweep.config import RunConfig
from dlsweep.training import Stack, load_data

members, settings = json.loads(sys.argv[1])

def train(**changed):
    configs = [
        RunConfig(**{**settings, **changed}, learning_rate=1e-3 / (i + 1)) for i in range(members)
    ]
    data = load_data(configs[0])
    for _ in Stack(configs, data):
        pass

def memory(line):
    with open("/proc/self/status") as file:
        return next(int(words.split()[1]) for words in file if words.startswith(line)) * 1024

# What every stack brings into memory (the data set, the libraries' code) is there before.
train(hidden_size=8, **({"conv_layers": "2x3x3"} if "conv_layers" in settings else {}))
before = memory("VmRSS")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
train()
print(memory("VmHWM") - before)
"""


def stack_of(members, **settings):
    return [RunConfig(**settings, learning_rate=1e-3 / (i + 1)) for i in range(members)]


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="peak memory is read from Linux's /proc"
)
@pytest.mark.parametrize("case", CASES)
def test_predicted_and_measured_differ_by_less_than_a_fifth(case):
    members, settings = CASES[case]
    settings = {"dataset": "digits", "device": "cpu", "epochs": 1, **settings}
    predicted = stack_memory(stack_of(members, **settings)).stack
    assert predicted > 150e6  # enough for all else to be small beside it
    # What is freed goes back to the system, and is not counted twice.
    returning = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([members, settings])],
        stdout=subprocess.PIPE,
        env=os.environ | returning,
        check=True,
    )
    assert predicted == pytest.approx(int(done.stdout), rel=0.2)


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
def test_predicted_and_measured_on_a_gpu(case):
    members, settings = CASES[case]
    configs = stack_of(members, dataset="digits", device="cuda", epochs=1, **settings)
    data = load_data(configs[0])
    for _ in Stack(configs, data):  # the libraries' own memory comes with the first use
        pass
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_reserved()
    for _ in Stack(configs, data):
        pass
    # What graphs have for themselves is reserved, and hardly ever allocated.
    measured = torch.cuda.max_memory_reserved() - before
    assert stack_memory(configs, device="cuda").stack == pytest.approx(measured, rel=0.2)


def test_the_terms_of_a_prediction():
    configs = stack_of(3, dataset="digits", num_layers=2, hidden_size=16, optimizer="nadam")
    numbers = 64 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10
    memory = stack_memory(configs)
    assert memory.parameters == memory.gradients == 3 * 4 * numbers
    assert memory.slots == 2 * memory.parameters
    assert memory.best == memory.parameters + memory.buffers
    data = load_data(configs[0])
    held = sum(
        tensor.numel() * tensor.element_size()
        for split in (data.train, data.val, data.test)
        for tensor in (split.images, split.labels)
    )
    assert memory.data == pytest.approx(held, rel=0.01)
    assert memory.total == memory.stack + memory.data


def test_precision_layout_and_seeds_count():
    configs = stack_of(4, dataset="digits", num_layers=2, hidden_size=16)
    memory = stack_memory(configs)
    assert stack_memory(configs, dtype=torch.float64).parameters == 2 * memory.parameters
    deep = Layout.of([*configs, dataclasses.replace(configs[0], num_layers=5)])
    assert stack_memory(configs, layout=deep).parameters > memory.parameters
    seeded = [dataclasses.replace(config, seed=i) for i, config in enumerate(configs)]
    assert stack_memory(seeded).training > memory.training


def test_the_peak_is_that_of_what_lives_at_the_same_time():
    def function():
        a = torch.empty(1000, device="meta")
        b = a + 1
        del a
        return b.view(10, 100) * 2

    assert peak_memory(function) == 2 * 4000
    assert peak_memory(lambda: torch.empty(10, device="meta").view(2, 5)) == 40


@pytest.mark.parametrize("seed", range(30))
def test_the_quick_bound_is_above_the_prediction(seed):
    rng = np.random.default_rng(seed)
    config = random_config(rng)
    while config.backend == "numpy":
        config = random_config(rng)
    settings = {
        "hidden_size": int(rng.choice([8, 256, 1024])),
        "num_layers": int(rng.choice([0, 1, 4])),
        "conv_layers": str(rng.choice(["4x3x3", "32x5x5,16x3x3/2", "128x3x3"])),
        "batch_size": int(rng.choice([16, 1000])),
        "dataset": str(rng.choice(["digits", "mnist"])),
        "train_size": None,
    }
    if settings["dataset"] == "digits":
        settings["conv_layers"] = "64x3x3"
    config = dataclasses.replace(config, **settings)
    count = int(rng.choice([1, 5, 300]))
    others = [dataclasses.replace(config, activation=name) for name in ("tanh", "elu")]
    layout = Layout.of([config, dataclasses.replace(config, num_layers=5), *others])
    runs = [dataclasses.replace(config, seed=i, optimizer="adam") for i in range(count)]
    predicted = stack_memory(runs, layout=layout).total
    assert predicted < _at_most(config, count, layout, "cpu") < 100 * predicted


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_size": [256, 128], "dropout": 0.2},
        {"hidden_size": [64, 64, 64], "dropout": 0.2, "batch_norm": True},
        {"hidden_size": [64, 64]},
        {"hidden_size": [256, 128], "batch_norm": True},
        {"num_layers": 0},
    ],
)
def test_sizes_of_layers_are_counted_beside_deeper_networks(settings):
    config = RunConfig(**{"dataset": "digits", "num_layers": 2} | _layers(settings))
    layout = Layout.of([config, RunConfig(dataset="digits", num_layers=7, hidden_size=64)])
    limit = stack_memory([config] * 3, layout=layout).total
    assert members_that_fit([config] * 9, 9, limit, layout=layout) == 3


def _layers(settings):
    sizes = settings.get("hidden_size")
    return settings | ({"num_layers": len(sizes)} if sizes else {})


def test_a_network_that_fits_nowhere_is_predicted_without_its_weights():
    huge = RunConfig(dataset="mnist", num_layers=3, hidden_size=10**6)
    assert stack_memory([huge]).parameters > 8e12
    cnn = dataclasses.replace(huge, model="cnn", conv_layers="8x3x3")
    assert plan([huge, cnn, huge], 8, 10**9) == [[0], [2], [1]]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "hidden_size: a network of 2,000,794,000,000 weights takes "),
        ({"backend": "numpy"}, "hidden_size: "),
        ({"model": "cnn", "conv_layers": "8x3x3"}, "conv_layers, hidden_size: "),
    ],
)
def test_a_network_that_fits_nowhere_is_refused(settings, named):
    if free_memory("cpu") is None:
        pytest.skip("this system does not say how much memory it has")
    huge = RunConfig(dataset="mnist", num_layers=3, hidden_size=10**6, device="cpu", **settings)
    with pytest.raises(ConfigError) as refused:
        refuse_oversized(huge)
    [line] = refused.value.problems
    assert line.startswith(named)
    assert " GB and more to train; this machine has " in line
    refuse_oversized(dataclasses.replace(huge, hidden_size=100))


def test_as_many_members_as_fit():
    configs = stack_of(40, dataset="mnist", num_layers=3, hidden_size=512)
    layout = Layout.of(configs)
    limit = stack_memory(configs[:23]).total
    assert members_that_fit(configs, 40, limit, layout=layout) == 23
    assert members_that_fit(configs, 40, limit - 1, layout=layout) == 22
    assert members_that_fit(configs, 7, limit, layout=layout) == 7
    assert members_that_fit(configs, 40, 10 * limit, layout=layout) == 40
    assert members_that_fit(configs, 40, 1, layout=layout) == 1
    assert members_that_fit([small(backend="numpy")], 8, limit, layout=layout) == 1


def test_a_plan_keeps_to_the_memory_and_says_so(caplog):
    wide = stack_of(10, dataset="digits", num_layers=3, hidden_size=128)
    narrow = stack_of(10, dataset="digits", num_layers=3, hidden_size=8)
    limit = stack_memory(wide[:3]).total
    assert stack_memory(narrow).total < limit
    with caplog.at_level(logging.DEBUG, "dlsweep.training"):
        stacks = plan(wide + narrow, 100, limit)
    assert [len(stack) for stack in stacks] == [3, 3, 3, 1, 10]
    assert all(stack_memory([(wide + narrow)[i] for i in stack]).total <= limit for stack in stacks)
    assert caplog.messages == [
        f"10 runs in stacks of 3, 3, 3, 1: more would not fit into {limit / 1e9:.1f} GB",
        "10 runs in stacks of 10: all that share its shapes",
    ]


def test_a_plan_says_where_the_cache_is_too_small(caplog):
    with caplog.at_level(logging.DEBUG, "dlsweep.training"):
        plan(stack_of(8, dataset="mnist", num_layers=3, hidden_size=128), 8)
    assert caplog.messages == ["8 runs in stacks of 4, 4: more would leave the processor's cache"]


def test_a_gpu_keeps_what_its_graphs_work_in(caplog):
    configs = stack_of(4000, dataset="mnist", num_layers=4, hidden_size=128, device="cuda")
    on_gpu = stack_memory(configs[:64], device="cuda")
    assert on_gpu.captured == on_gpu.training
    assert on_gpu.stack > stack_memory(configs[:64]).parameters * 6 + 2 * on_gpu.training
    numbers = 784 * 128 + 128 + 3 * (128 * 128 + 128) + 128 * 10 + 10
    with caplog.at_level(logging.DEBUG, "dlsweep.training"):
        stacks = plan(configs * 5, 20_000, 10**13, "cuda")
        assert [len(stack) for stack in plan(configs, 4000, 10**13, "cuda")] == [4000]
    assert [len(stack) for stack in stacks] == [10_000, 10_000]
    assert 10_000 < (2**31 - 1) // numbers < 20_000
    assert "more would have more numbers than a GPU's programs count; the" in caplog.messages[0]
    assert "all that share its shapes; the largest takes" in caplog.messages[1]
    assert caplog.messages[1].endswith("of 10000.0 GB")


def test_without_a_limit_all_share_a_stack(caplog):
    configs = stack_of(5, dataset="digits", num_layers=1, hidden_size=8)
    with caplog.at_level(logging.DEBUG, "dlsweep.training"):
        assert plan(configs, 2) == [[0, 1], [2, 3], [4]]
    assert caplog.messages == ["5 runs in stacks of 2, 2, 1: the most that was asked for"]


def test_free_memory_is_shared_between_processes():
    free = free_memory("cpu")
    if free is None:
        pytest.skip("this system does not say how much memory is free")
    assert 10e6 < free < 1e14
    assert free_memory("cpu", 4) == pytest.approx(free / 4, rel=0.2)
