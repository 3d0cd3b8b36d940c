"""What bayes learns from earlier studies, whose runs are not taken over."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlsweep import ConfigError
from dlsweep.sweep.study import Study
from tests.sweep.helpers import history, sweep

SPACE = {"learning_rate": {"min": 0.0, "max": 1.0}, "figures": {"value": "none"}}
NARROW = {"learning_rate": {"min": 0.25, "max": 0.5}, "seed": {"value": 3}}
"""Another part of the same space, with another seed and figures, by which results do not differ."""


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """Two studies of 40 runs: of SPACE, where rates near 0.3 are best, and of other data."""
    storage = str(tmp_path / "study.db")
    for name, more in (("earlier", {}), ("other", {"dataset": {"value": "mnist"}})):
        with Study.open(sweep({**SPACE, **more}, name=name), storage, seed=1) as study:
            for run in study.take(40):
                value = 1 - abs(run.config.learning_rate - 0.3)
                status = "stopped" if run.number % 8 == 7 else "finished"
                study.finish(run, status, history(value / 2, value))
    return storage


def test_bayes_begins_with_what_earlier_studies_have_found(storage: str) -> None:
    made = sweep(NARROW, "bayes", name="new")
    with Study.open(made, storage, seed=1, learn_from=["earlier", "other"]) as study:
        rows = study.take(20)
        *_, one, other = study.notices
    found = one.removeprefix("learn-from: bayes learns from ")
    learned, outside = (int(part.split()[0]) for part in found.split("; "))
    assert learned + outside == 40
    assert learned >= 5
    assert other.endswith("; 40 do not belong to the space")
    assert len(study_rows(storage)) == 20  # none was taken over
    assert sum(abs(run.config.learning_rate - 0.3) < 0.05 for run in rows) >= 14
    with Study.open(sweep(NARROW, "bayes", name="alone"), storage + "2", seed=1) as study:
        alone = study.take(20)
    assert sum(abs(run.config.learning_rate - 0.3) < 0.05 for run in alone) < 14


def study_rows(storage: str) -> list[str]:
    from dlsweep.sweep import read_study

    return [row.name for row in read_study(storage, "new").rows]


def test_what_was_taken_over_is_not_learned_twice(storage: str) -> None:
    made = sweep({**SPACE, "seed": {"value": 0}}, "bayes", name="new")
    with Study.open(made, storage, continue_from="earlier", learn_from=["earlier"]) as study:
        assert "continue-from: 40 runs of study earlier" in study.notices[-2]
        assert "bayes learns from 0 runs" in study.notices[-1]


def test_a_study_that_is_not_there(storage: str, tmp_path: Path) -> None:
    made = sweep(NARROW, "bayes", name="new")
    for file, line in (
        (storage, "--learn-from: got 'earlyer', no such study; did you mean 'earlier'?"),
        (str(tmp_path / "none.db"), "--learn-from: got 'earlyer', no such study; there is no file"),
    ):
        with pytest.raises(ConfigError) as refused:
            Study.open(made, file, learn_from=["earlyer"])
        assert refused.value.problems[0].startswith(line)
