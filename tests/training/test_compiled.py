"""Compiled programs train what the engine trains without them."""

import shutil

import numpy as np
import pytest
import torch

from dlsweep.config import RunConfig
from dlsweep.training import Layout, train_stack
from dlsweep.training import _compiled as compiled
from dlsweep.training import _cpu_programs as cpu_programs
from dlsweep.training import _kept as kept
from tests.training.helpers import assert_same_bits, assert_same_run, digits, small, train

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="no C++ compiler: training falls back to traced programs"
)

MIXED = [
    small(num_layers=1, optimizer="adam", activation="tanh", weight_decay=0.01),
    small(num_layers=3, optimizer="nadam", activation="relu", loss="mse"),
    small(num_layers=2, optimizer="adam", activation="sigmoid", weight_init="xavier", epochs=2),
    small(num_layers=3, optimizer="rmsprop", activation="tanh", learning_rate=0.001),
    small(num_layers=2, optimizer="momentum", activation="relu"),
    small(num_layers=2, optimizer="nesterov", activation="relu", weight_decay=0.001),
    small(num_layers=1, optimizer="sgd", activation="relu", learning_rate=1e308),  # diverges
]
WIDER = [
    small(num_layers=2, hidden_size=12, optimizer="adam", batch_size=32),
    small(num_layers=3, hidden_size=12, optimizer="nadam", batch_size=32, activation="tanh"),
]


NARROW = [
    small(num_layers=1, hidden_size=1, optimizer="adam"),
    small(num_layers=3, hidden_size=1, optimizer="nadam", activation="tanh"),
]


@pytest.fixture(scope="module", autouse=True)
def _fresh():
    torch._dynamo.reset()
    compiled._programs.clear()
    yield
    compiled._programs.clear()


@pytest.fixture
def no_programs(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Nothing is compiled yet, in this process or on the disk."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    compiled._programs.clear()
    yield tmp_path
    compiled._programs.clear()


@needs_compiler
def test_every_member_of_a_compiled_stack_equals_the_run_alone():
    layout = Layout.of([*MIXED, *WIDER, *NARROW])
    for stack in (MIXED, WIDER, MIXED[:2], WIDER[:1], NARROW):
        for result, config in zip(
            train_stack(stack, digits(), compile_for=layout), stack, strict=True
        ):
            alone = train(config, digits())
            assert result.status == alone.status
            if result.status != "diverged":  # whose numbers are of any size before they end
                assert_same_run(result, alone)
    gradients = [key for key in compiled._programs if key[0] == "gradient"]
    assert len(gradients) == 1, "other widths, batches and sizes of stacks share a program"
    assert None not in compiled._programs.values()


@pytest.mark.usefixtures("no_programs")
def test_a_program_runs_as_it_was_traced_where_nothing_compiles(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*_, **__):
        raise RuntimeError("no C++ compiler\nand much more")

    monkeypatch.setattr(torch._inductor, "standalone_compile", broken)
    for result, config in zip(
        train_stack(WIDER, digits(), compile_for=Layout.of(WIDER)), WIDER, strict=True
    ):
        assert_same_run(result, train(config, digits()))
    lines = {record.getMessage() for record in caplog.records if record.levelname == "WARNING"}
    assert len(lines) == 1
    assert lines.pop().endswith("nothing compiles here: no C++ compiler")


@needs_compiler
def test_programs_are_kept_and_neither_traced_nor_compiled_again(
    no_programs, monkeypatch: pytest.MonkeyPatch
):
    stack, layout = WIDER[:1], Layout.of(WIDER[:1])
    (first,) = train_stack(stack, digits(), compile_for=layout)
    files = sorted((no_programs / "dlsweep").iterdir())
    assert len(files) == 2, "the gradient and the update"
    traced = []
    trace = cpu_programs.trace
    monkeypatch.setattr(cpu_programs, "trace", lambda *given: traced.append(1) or trace(*given))

    compiled._programs.clear()
    assert_same_bits(train_stack(stack, digits(), compile_for=layout)[0], first)
    assert not traced

    compiled._programs.clear()
    files[0].write_bytes(files[0].read_bytes()[:-100])
    files[1].write_bytes(b"")
    assert_same_bits(train_stack(stack, digits(), compile_for=layout)[0], first)
    assert len(traced) == 2
    assert sorted((no_programs / "dlsweep").iterdir()) == files


def test_programs_of_other_code_or_another_torch_are_others(monkeypatch: pytest.MonkeyPatch):
    before = kept._path(("a program", 1))
    assert before == kept._path(("a program", 1)) != kept._path(("a program", 2))
    monkeypatch.setattr(torch, "__version__", "1.0")
    kept._circumstances.cache_clear()
    assert kept._path(("a program", 1)) != before
    kept._circumstances.cache_clear()


def test_models_that_cannot_be_traced_train_all_the_same():
    stack = [small(batch_norm=True), small(batch_norm=True, activation="tanh", learning_rate=0.02)]
    results = train_stack(stack, digits(), compile_for=Layout.of(stack))
    for result, config in zip(results, stack, strict=True):
        assert_same_run(result, train(config, digits()))


def test_a_layout_serves_all_of_its_configurations():
    layout = Layout.of([*MIXED, RunConfig(dataset="digits", num_layers=9, dropout=0.5)])
    assert layout.depth == 3  # dropout's layers are not deepened
    assert layout.activations == ("identity", "relu", "sigmoid", "tanh")
    assert layout.losses == ("cross_entropy", "mean_squared_error")
    assert Layout.of(MIXED[4:6]).activations == ("relu",)


def test_example_widths_are_equal_where_the_sizes_are():
    assert cpu_programs.example_widths((7, 9, 7)) == (128, 96, 128)
    assert cpu_programs.example_widths(tuple(range(100))) is None
    assert len(set(cpu_programs._WIDTHS)) == len(cpu_programs._WIDTHS)
    assert np.all(np.array(cpu_programs._WIDTHS) > 1)


def test_the_tanh_of_programs_is_right_to_the_sixth_digit():
    x = torch.cat([torch.linspace(-12, 12, 100_000), torch.logspace(-30, 0, 10_001)])
    exact = torch.tanh(x.double())
    assert ((compiled._tanh(x).double() - exact) / exact).abs().max() < 2e-6
    assert compiled._tanh(torch.zeros(1)) == 0
    assert compiled._tanh(x.double()) is NotImplemented


def test_a_program_that_another_process_compiles_is_made_last():
    made = []

    def free(wait):
        made.append("free")

    def busy(wait):
        if not wait:
            raise compiled.Busy
        made.append("busy")

    compiled.make_together([busy, free])
    assert made == ["free", "busy"]


def test_who_does_not_wait_is_told_that_another_process_is_at_it():
    key = ("a program", 1)
    with compiled._only_here(key, wait=True):
        with pytest.raises(compiled.Busy), compiled._only_here(key, wait=False):
            pass
        with compiled._only_here(("another", 1), wait=False):
            pass
