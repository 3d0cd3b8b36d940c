"""`dlsweep sweep --confirm`: what it says before, while and after the best are trained again."""

from __future__ import annotations

import re

import pytest

from dlsweep.sweep import load_sweep
from dlsweep.sweep.local import LocalSweep, SweepOptions
from tests.cli.test_sweep_command import GRID, command, runs, sweep

pytestmark = pytest.mark.usefixtures("folder")


def test_the_best_are_named_by_new_seeds():
    done = sweep(GRID, "--confirm 2 --seeds 3")
    assert (
        "at the end the best 2 configurations are trained again over up to 3 new seeds" in done.err
    )
    assert "confirming the 2 best configurations over up to 3 new seeds each" in done.err
    assert re.search(r"^4/4 ", done.err, re.MULTILINE)
    assert "5/4" not in done.err
    found = re.search(
        r"^confirmed: (\S+)  val_accuracy (0\.\d+) on average over 3 new seeds, "
        r"95 % interval (0\.\d+) to ([01]\.\d+)$",
        done.out,
        re.MULTILINE,
    )
    assert found
    assert f"\nbest: {found[1]} " in done.out
    assert float(found[3]) <= float(found[2]) <= float(found[4])
    confirmed = [record for record in runs() if record["config"]["seed"] > 0]
    assert len(confirmed) == 6
    again = sweep(GRID, "--confirm 2 --seeds 3")
    assert "confirming" not in again.err
    assert found[0] in again.out


def test_what_cannot_be_confirmed():
    assert "--confirm: got 'x'" in sweep(GRID, "--confirm x", 2).err
    assert "--seed-parameter: is for programs" in sweep(GRID, "--seed-parameter s", 2).err
    done = sweep(GRID, "--confirm 0")
    assert "confirm" not in done.err + done.out
    assert command("runs").out.count("finished") <= 4


def test_repeated_points_are_searched_by_their_mean():
    done = sweep(GRID, "--repeats 2 --count 2")
    assert "each point is trained with 2 seeds, and their mean counts" in done.err
    assert re.search(r"^4/4 ", done.err, re.MULTILINE)
    found = re.search(
        r"^best: \S+  val_accuracy (\S+) on average over its seeds \((\S+), (\S+)\)$",
        done.out,
        re.MULTILINE,
    )
    assert found
    mean, one, other = map(float, found.groups())
    assert mean == pytest.approx((one + other) / 2, abs=1e-4)
    assert [(r["config"]["seed"]) for r in runs()] == [0, 0, 1, 1]
    more = sweep(GRID, "--repeats 3 --count 2")  # the third seed of both
    assert re.search(r"^6/6 ", more.err, re.MULTILINE)
    assert sorted(r["config"]["seed"] for r in runs()) == [0, 0, 1, 1, 2, 2]
    assert "--repeats: got '0'" in sweep(GRID, "--repeats 0", 2).err


def test_what_is_said_before_is_done_at_the_end():
    many = GRID.replace("[0.01, 0.001]", str([0.001 * i for i in range(1, 31)]))
    done = sweep(many.replace("epochs: {value: 2}", "epochs: {value: 1}"))
    assert "at the end the best 2 configurations are trained again over up to 3 new" in done.err
    assert len([r for r in runs() if r["config"]["seed"] > 0]) == 6
    assert "dlsweep repeat" not in done.out
    rule = "early_terminate: {type: hyperband, min_iter: 1}\n"
    stopping = rule + many.replace("small grid", "stops").replace("[adam, sgd]", "[sgd, nadam]")
    few = sweep(stopping, "--count 4")
    assert "confirm" not in few.err
    assert "dlsweep repeat stops-" in few.out
    with LocalSweep(load_sweep("s.yaml"), SweepOptions(storage="other.db", workers=1)) as local:
        assert "new seeds, if that costs less than a tenth of the sweep" in local.confirms
