"""Several metrics: what bayes learns of them, and the best compromises between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from dlsweep.sweep import SweepFile, parse_sweep
from dlsweep.sweep.study import OptunaMirror, Study, StudyTable, read_study, with_seed
from tests.sweep.helpers import history

METRICS = [
    {"name": "val_accuracy", "goal": "maximize"},
    {"name": "parameters", "goal": "minimize"},
    {"name": "training_seconds", "goal": "minimize"},
]


def sweep(method: str, metrics: int = 3, **more: Any) -> SweepFile:
    parameters = {"learning_rate": {"min": 0.0, "max": 1.0}, "dataset": {"value": "digits"}}
    written = {"method": method, "metrics": METRICS[:metrics], "parameters": parameters}
    return parse_sweep({**written, **more})


def test_the_front_is_of_whole_runs_that_none_beats_in_all(tmp_path: Path) -> None:
    storage = str(tmp_path / "a.db")
    ends = [  # accuracy, parameters, seconds of both epochs, status
        (0.9, 1000, (2.0, 2.0), "finished"),
        (0.8, 500, (1.0, 1.0), "finished"),
        (0.8, 500, (1.5, 1.0), "early_stopped"),  # slower than the one before
        (0.7, 500, (3.0, 1.0), "finished"),
        (0.5, 500, (0.5, 0.5), "finished"),
        (0.9, 100, (0.1, 0.1), "stopped"),
        (0.9, 100, (0.1, 0.1), "diverged"),
    ]
    with Study.open(sweep("random"), storage, seed=1) as study:
        runs = study.take(len(ends))
        for run, (accuracy, size, seconds, status) in zip(runs, ends, strict=True):
            epochs = [
                {**epoch, "seconds": s}
                for epoch, s in zip(history(0.1, accuracy), seconds, strict=True)
            ]
            study.finish(run, status, epochs, {"parameters": size})
        assert front(study.table()) == {
            0: (0.9, 1000, 4.0),
            1: (0.8, 500, 2.0),
            4: (0.5, 500, 1.0),
        }
        again = with_seed(runs[0].config, 7, "seed")
        [confirmation] = study.add_runs([again], "confirmation", [0])
        epochs = [{**history(0.75)[0], "seconds": 4.0}]
        study.finish(confirmation, "finished", epochs, {"parameters": 1000})
    assert front(read_study(storage)) == {1: (0.8, 500, 2.0), 4: (0.5, 500, 1.0)}


def front(table: StudyTable) -> dict[int, tuple[float, ...]]:
    return {one.row.number: one.values for one in table.front}


@pytest.mark.parametrize("again", [False, True])
def test_bayes_looks_for_compromises(again: bool, tmp_path: Path) -> None:
    """Accuracy grows with x up to 0.5 and falls from there; what lies above is beaten in both."""
    storage = str(tmp_path / "a.db")
    made = sweep("bayes", 2, run_cap=80)
    study = Study.open(made, storage, seed=1)
    tried: list[float] = []
    for i in range(50):
        [run] = study.take(1)
        rate = run.config.learning_rate
        tried.append(rate)
        status = "stopped" if i % 7 == 6 else "finished"
        accuracy = min(rate, 1 - rate)
        study.finish(run, status, history(accuracy), {"parameters": round(1000 * rate)})
        if again and i == 20:
            study.close()
            study = Study.open(made, storage)
    table = study.table()
    study.close()
    assert sum(rate < 0.55 for rate in tried[20:]) >= 24
    assert min(tried[20:]) < 0.1
    assert max(rate for rate in tried[20:] if rate < 0.55) > 0.4
    OptunaMirror(tmp_path / "log", table)
    storage_of = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "log"))
    )
    copy = optuna.load_study(study_name=table.name, storage=storage_of)
    best = {trial.user_attrs["number"] for trial in copy.best_trials}
    assert best == {one.row.number for one in table.front}
