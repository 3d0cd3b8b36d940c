"""Which configurations are confirmed: those whose curves are good, not those with a lucky end."""

from __future__ import annotations

from pathlib import Path

from dlsweep.sweep.study import Study, candidates_of
from tests.sweep.helpers import history, sweep


def test_candidates_are_chosen_by_the_ends_of_their_curves(tmp_path: Path) -> None:
    curves = [
        [0.1, 0.3, 0.5, 0.7, 0.79, 0.81],  # steady
        [0.1, 0.3, 0.5, 0.7, 0.70, 0.82],  # a lucky last epoch
        [0.1, 0.3, 0.5, 0.7, 0.72, 0.74],
        [0.5, 0.83],  # few epochs: the last one counts, and has not more to rise
    ]
    made = sweep({"learning_rate": {"min": 0.0, "max": 1.0}}, "random")
    with Study.open(made, str(tmp_path / "a.db"), seed=1) as study:
        for run, curve in zip(study.take(len(curves)), curves, strict=True):
            study.finish(run, "finished", history(*curve))
        found = [(one.number, one.first) for one in candidates_of(study.table(), 4)]
    assert found == [(3, 0.83), (0, 0.81), (1, 0.82), (2, 0.74)]
