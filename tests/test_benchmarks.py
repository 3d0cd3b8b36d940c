"""The benchmarks still run, and print what they promise."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import __main__ as benchmarks
from benchmarks import page, programs, studies
from benchmarks.machine import shown, spread
from benchmarks.studies import NOT_INSTALLED, _order, sample
from dlsweep.config import RunConfig
from dlsweep.data import load
from tests.conftest import REPOSITORY
from tests.wandb_server._client import COMMAND

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]


Smoke = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def smoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Smoke:
    """The results and the tables of ``python -m benchmarks WORDS --smoke``, in this process."""

    def run(*words: str) -> tuple[dict[str, Any], str]:
        path = tmp_path / "results.json"
        monkeypatch.setattr(sys, "argv", ["benchmarks", *words, "--smoke", "--json", str(path)])
        monkeypatch.setattr(studies, "fastest", once)
        benchmarks.main()
        return json.loads(path.read_text()), capsys.readouterr().out

    return run


def once(function: Callable[[], object], _repeats: int) -> float:
    """What stands in for the fastest of several times: here it does not matter how long it took."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def test_a_study_against_its_peers(smoke: Smoke) -> None:
    results, out = smoke("s1", "s2")
    assert list(results) == ["s1", "s2"]
    for result in results.values():
        ours = result["dlsweep"]
        assert ours["points"] == 2
        assert {"processor", "cores", "torch", "date"} <= result["machine"].keys()
        for name, peer in result["peers"].items():
            assert f"| {name} |" in out
            if "missing" in peer:
                assert peer["missing"].startswith(NOT_INSTALLED)
                continue
            ratio = (
                peer["seconds_per_run_epoch"]["median"] / ours["seconds_per_run_epoch"]["median"]
            )
            assert peer["ratio"]["median"] == pytest.approx(ratio)
    assert len(results["s1"]["peers"]) == 6
    assert len(results["s2"]["peers"]) == 3
    assert 0 < results["s1"]["dlsweep"]["fraction_of_arithmetic_limit"]["median"] < 1


def test_one_run_and_stacks_that_grow(smoke: Smoke) -> None:
    results, out = smoke("single", "members")
    for ways in results["single"]["cases"].values():
        assert all(seconds["median"] > 0 for seconds in ways.values())
        assert {"dlsweep, the engine", "in-memory loop, fused Adam"} <= ways.keys()
    assert "dlsweep, backend numpy" in results["single"]["cases"]["S1's net, batch 64"]
    assert [row["members"] for row in results["members"]["rows"]] == [1, 2]
    assert "python train.py, the whole command" in out


def test_what_a_run_costs_beside_its_training(smoke: Smoke) -> None:
    results, out = smoke("overhead")
    (result,) = results.values()
    assert [(name, times["runs"]) for name, times in result["figures"].items()] == [
        ("none", 2),
        ("summary", 2),
        ("full", 2),
    ]
    for name, times in result["figures"].items():
        assert len(times["wall"]["repetitions"]) == len(times["cpu"]["repetitions"]) == 2
        assert times["cpu"]["low"] > 0
        assert f"| {name} | 2 |" in out
    none, summary, full = result["figures"].values()
    assert none["bytes_per_run"] < summary["bytes_per_run"] < full["bytes_per_run"]


def test_what_one_driver_can_do(smoke: Smoke) -> None:
    results, out = smoke("scale")
    (result,) = results.values()
    recorded = [(row["busy"], row["figures"], row["members"]) for row in result["recording"]]
    assert recorded == list(itertools.product((False, True), ("none", "summary"), (1, 8)))
    for row in result["recording"]:
        assert row["runs_per_second"]["median"] > 0
        assert row["cpu"]["median"] > 0
    studies = [(row["method"], row["runs"]) for row in result["studies"]]
    assert studies == [("random", 20), ("bayes", 20), ("random", 40), ("bayes", 40)]
    for row in result["studies"]:
        assert 0 < row["take"]["median"] < row["list"]["median"]
        assert row["memory"]["median"] > 1e7
    assert "| one for each core | summary | 8 |" in out
    assert "| bayes | 2 × as many |" in out


def test_a_program_by_both_tools(smoke: Smoke, monkeypatch: pytest.MonkeyPatch) -> None:
    # The 5 s that `wandb agent` waits between its questions are cut short.
    monkeypatch.setattr(programs, "WANDB", [sys.executable, "-c", COMMAND.format(poll=0.2)])
    results, out = smoke("programs")
    (result,) = results.values()
    assert result["runs"] == 2
    for workers in ("1", "2"):
        ours, theirs = (result["seconds"][n][workers] for n in ("dlsweep sweep", "wandb agent"))
        assert result["ratio"][workers] == theirs / ours
        assert f"| {workers} | {theirs:.1f} | {ours:.1f} |" in out
    assert "wandb" in result["machine"]


def test_search(smoke: Smoke) -> None:
    results, out = smoke("search")
    (result,) = results.values()
    assert result["points"] == 1944
    best, *_, theirs = (row["named"] for row in result["rows"])
    assert best.keys() == theirs.keys() == {"4", "8", "16"}
    for row in result["rows"]:
        for named in row["named"].values():
            assert all(0.7 < one["reported"] < 0.9 for one in named)
            assert all(one["spent"] <= 16 * 27 for one in named)
    confirmed = next(row["named"] for row in result["rows"] if "--confirm" in row["way"])
    assert all(one["low"] < one["reported"] < one["high"] for one in confirmed["16"])
    assert "| Optuna TPE |" in out


def test_an_unknown_section_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "s3"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no section 's3'; there are s1, s2" in done.stderr


# --- The GPU's program, on the CPU ---------------------------------------------------------------

BLOCKED = (
    "import sys\n"
    "for name in ('wandb', 'optuna', 'sqlalchemy', 'torchvision', 'sklearn', 'rich', 'yaml',\n"
    "             'PIL', 'threadpoolctl', 'scipy', 'jax', 'optax', 'matplotlib'):\n"
    "    sys.modules[name] = None\n"
)


def test_the_engine_needs_torch_and_numpy_alone() -> None:
    program = BLOCKED + (
        "import dlsweep, dlsweep.config, dlsweep.data, dlsweep.models, dlsweep.scratch\n"
        "import dlsweep.training, benchmarks.gpu, benchmarks.__main__\n"
        "import numpy; from dlsweep.data._split import stratified_holdout\n"
        "assert len(stratified_holdout(numpy.arange(100) % 10, 0.1)[1]) == 10\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_the_gpu_program_runs_on_torch_and_numpy_alone() -> None:
    program = BLOCKED + (
        "import json; from benchmarks.gpu import measure, table\n"
        "result = measure(smoke=True); print(json.dumps(result)); print(table(result))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        # A GPU is not what this is about.
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[0])
    for network in ("S1", "S2"):
        assert list(result[network]) == ["one_by_one", "stacked"]  # to compile takes a CPU minutes
        for way, row in result[network].items():
            assert f"| {network} | {way} | " in done.stdout
            assert row["furthest"] < 1e-9
            assert row["seconds"]["median"] > 0


def test_the_script_takes_its_images_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    dataloader = pytest.importorskip("benchmarks.peers.dataloader")
    monkeypatch.setattr(torch.Tensor, "cpu", lambda t: torch.zeros(t.shape, dtype=t.dtype))
    images = dataloader.Images(load("digits").train.to("meta"))
    image, label = images[3]
    assert (image.shape, image.device.type, label) == ((1, 8, 8), "cpu", 0)


# --- Peers and pages -----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["nesterov", "nadam"])
def test_the_jax_peer_trains(optimizer: str) -> None:
    if not (find_spec("jax") and find_spec("optax")):
        pytest.skip("jax or optax is not installed")
    # In a process of its own, as JAX's threads would make every later fork of the tests' a warning.
    program = (
        "from benchmarks.peers.jax_vmap import jax_vmap\n"
        "from dlsweep.config import RunConfig\n"
        "from dlsweep.data import load\n"
        "config = RunConfig(dataset='digits', num_layers=1, hidden_size=8, "
        f"optimizer={optimizer!r})\n"
        "compiling, epochs = jax_vmap([config, config], load('digits'), 2)\n"
        "assert compiling > 0\n"
        "assert len(epochs) == 2\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY)


def test_samples_are_spread_evenly() -> None:
    assert sample(range(64), 8) == [4, 12, 20, 28, 36, 44, 52, 60]
    assert sample(range(3), 8) == [0, 1, 2]
    assert sample([7], 1) == [7]


def test_a_measurement_is_shown_by_its_median_and_range() -> None:
    assert shown(spread([3.0, 1.0, 2.0])) == "2.00 (1.00–3.00)"
    assert shown(spread([1.5]), 1) == "1.5"


def test_the_page_is_filled_between_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- result s1 -->\nold\n<!-- /result s1 -->\nafter\n")
    page.fill(path, tmp_path)
    text = path.read_text()
    assert text.startswith("before\n<!-- result s1 -->\n")
    assert text.endswith("<!-- /result s1 -->\nafter\n")
    assert "old" not in text
    page.fill(path, tmp_path)
    assert path.read_text() == text


def test_the_page_shows_what_was_measured() -> None:
    """``python -m benchmarks.page`` was run after the last measurement."""
    text = page.PAGE.read_text()
    for name in page.SHOW:
        assert page.replaced(text, name, page.shown(name)) == text, f"{name} is not up to date"


def test_points_with_other_convolutions_can_be_put_in_order():
    configs = [RunConfig(model="cnn", conv_layers=layers) for layers in ("8x3x3", "4x3x3,4x3x3")]
    assert sorted(configs, key=_order) == configs[::-1]
