"""Several studies on one page: which can be compared, what they agree on, every rendering."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlsweep import ConfigError
from dlsweep.report import (
    Online,
    RunsTable,
    Studies,
    best_of_each,
    comparable,
    publish,
    render_html,
    render_markdown,
    studies_report,
)
from dlsweep.report import _studies_text as text
from dlsweep.report.findings import compare
from dlsweep.sweep import Metric, Row
from tests.report.tables import made_up_run, table_of
from tests.wandb_server import WandbServer

HOSTILE = "<script>alert(1)</script>|`x`"


def study(
    title: str,
    rates: dict[float, float],
    optimizers: dict[str, float] | None = None,
    seed: int = 0,
    **changes: Any,
) -> RunsTable:
    """A study of a grid: what learning rate and optimizer give, and a little chance."""
    runs: list[Row] = []
    chance = np.random.default_rng(seed)
    for rate, base in rates.items():
        for optimizer, more in (optimizers or {"sgd": 0.0, "adam": 0.01}).items():
            for batch_size in (8, 16, 32, 64):
                number = len(runs) + 100 * seed
                run = made_up_run(number)
                value = base + more + 0.002 * float(chance.uniform())
                config = {
                    **run.config,
                    "learning_rate": rate,
                    "optimizer": optimizer,
                    "batch_size": batch_size,
                    "activation": "relu",
                    "num_layers": 1,
                    "loss": "cross_entropy",
                }
                runs.append(replace(run, config=config, value=value, run_id=f"{title}{number}"))
    parameters = ("learning_rate", "optimizer", "batch_size")
    return table_of(*runs, **{"title": title, "name": title, "parameters": parameters, **changes})


def three() -> Studies:
    """Two agree on the learning rate and disagree on the optimizer, on which the third is mute."""
    return comparable(
        [
            study("ann", {0.1: 0.6, 0.01: 0.8}, {"sgd": 0.0, "adam": 0.05}),
            study("bob", {0.1: 0.5, 0.01: 0.9}, {"sgd": 0.05, "adam": 0.0}, seed=1),
            study("cy", {0.1: 0.5, 0.01: 0.7}, {"sgd": 0.0, "adam": 0.0}, seed=2),
        ]
    )


def test_what_studies_agree_and_disagree_on():
    found = compare(three())
    assert [result.label for result in found.ranked] == ["bob", "ann", "cy"]
    common = {c.setting: c for c in found.settings}
    rate, optimizer, batch = (common[n] for n in ("learning_rate", "optimizer", "batch_size"))
    assert (rate.varied, rate.matters, rate.first) == (3, 3, 3)
    assert (rate.agreement, rate.best) == ("same", (("0.01", 3),))
    assert (optimizer.agreement, optimizer.matters) == ("different", 2)
    assert set(optimizer.best) == {("adam", 1), ("sgd", 1)}
    assert (batch.agreement, batch.best) == ("none", ())
    assert sum(n for _, n in batch.chosen) == 3

    said = " ".join(text.answer(three()))
    assert "The best configuration is one of `bob`" in said
    assert "learning rate `0.01` (best in all 3 that can tell)" in said
    assert "**disagree** on optimizer (" in said
    assert re.search(r"The best of a study is between 70\.\d % and 95\.\d %\.", said)


def test_values_that_the_others_have_not_tried_are_no_disagreement():
    studies = comparable(
        [
            study("ann", {0.1: 0.6, 0.01: 0.8}),
            study("bob", {0.001: 0.9, 0.0001: 0.7}, seed=1),
        ]
    )
    assert compare(studies).settings[0].agreement == "untried"
    assert "disagree" not in " ".join(text.answer(studies))


def test_ranges_of_numbers_agree_where_they_meet():
    one = study("ann", {10**-x: 0.9 - x / 10 for x in (1, 2, 3, 4, 5, 6, 7, 8, 8.5)})
    other = study("bob", {10**-x: 0.9 - x / 10 for x in (1, 2, 3, 4, 5, 6, 7, 8, 8.6)}, seed=1)
    assert {c.setting: c for c in compare(comparable([one, other])).settings}[
        "learning_rate"
    ].agreement == "same"


def test_studies_one_after_the_other():
    later = [
        study(name, {0.1: top - 0.2, 0.01: top}, seed=i)
        for i, (name, top) in enumerate({"a": 0.7, "b": 0.6, "c": 0.8}.items())
    ]
    said = text.answer(comparable(later))
    told = r"the best so far was `a` 71\.\d %, then `c` 81\.\d %\."
    assert any(re.search(told, line) for line in said)
    said = text.answer(comparable([*later, later[0]]))  # at the same time
    assert not any("so far" in line for line in said)


def test_studies_that_other_metrics_judge_are_left_out_in_one_line():
    good = [study(name, {0.1: 0.5, 0.01: 0.7}) for name in ("ann", "bob")]
    loss = study("cy", {0.1: 0.5, 0.01: 0.7}, metric=Metric("val_loss", "minimize"))
    none = study("dee", {0.1: 0.5, 0.01: 0.7}, metric=Metric(""))
    studies = comparable([*good, loss, none])
    assert studies.labels == ("ann", "bob")
    assert studies.notices == (
        "left out: cy, which is judged by minimize val_loss and not by maximize val_accuracy",
        "left out: dee, which is judged by no metric and not by maximize val_accuracy",
    )
    with pytest.raises(ConfigError, match=r"no two are judged by the same metric: ann \(maxim"):
        comparable([good[0], loss])


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ([{"title": "a"}, {"title": "b"}], ["a", "b"]),
        ([{"storage": "class/ann.db"}, {"storage": "class/bob.db"}], ["ann", "bob"]),
        ([{"storage": "c/ann/x.db"}, {"storage": "c/bob/y/x.db"}], ["ann", "bob/y"]),
        ([{"storage": "a.db", "name": "x-1"}, {"storage": "a.db", "name": "x-2"}], ["x-1", "x-2"]),
        (
            [
                {"storage": "a.db", "title": "x"},
                {"storage": "a.db", "title": "y"},
                {"storage": "b.db", "title": "y"},
            ],
            ["a x", "a y", "b y"],
        ),
        (
            [{"online": Online("team", p), "name": f"team/{p}"} for p in ("one", "two")],
            ["one", "two"],
        ),
    ],
)
def test_what_studies_are_called(changes: list[dict[str, Any]], labels: list[str]):
    tables = [replace(study("x", {0.1: 0.5, 0.01: 0.7}), **change) for change in changes]
    assert list(comparable(tables).labels) == labels


def test_the_best_of_each_is_a_configuration_of_its_own_even_where_they_are_equal():
    one = study("ann", {0.1: 0.6, 0.01: 0.8})
    table = best_of_each(comparable([one, replace(one, title="bob")]))
    assert [run.name for run in table.runs] == ["ann", "bob"]
    assert [run.config["study"] for run in table.runs] == ["ann", "bob"]
    assert "study" not in table.parameters


def test_every_rendering_of_very_many_studies(tmp_path: Path):
    tables = [study(f"s{i:02d}", {0.1: 0.5, 0.01: 0.7 + i / 1000}, seed=i) for i in range(45)]
    tables[3] = replace(tables[3], title=HOSTILE)
    tables[4] = replace(tables[4], runs=())
    studies = comparable(tables)
    report, table = studies_report(studies), best_of_each(studies)
    page = render_html(report, table)
    assert "<h1>45 studies</h1>" in page
    assert "<script>alert" not in page
    assert "The other 20 studies" in page
    rows = re.findall(r'<tr class="main"><th scope="row">s\d\d</th>', page)
    assert len(rows) == 44  # and the hostile one
    folder = tmp_path / "out"
    written = render_markdown(report, table, folder).read_text(encoding="utf-8")
    assert "`s04` has no result yet." in written
    assert "All 45 studies" in written
    assert "studies, the best first" in (folder / "studies.svg").read_text(encoding="utf-8")


def test_a_wandb_report_of_several_sweeps(
    wandb_server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("wandb_workspaces")
    wandb_server.project("team", "plants")
    tables = [
        study(name, {0.1: 0.5, 0.01: 0.7}, online=Online("team", "plants", name))
        for name in ("ann", "bob")
    ]
    studies = comparable(tables)
    table = best_of_each(studies)
    publish(studies_report(studies, "Both"), table)
    [saved] = wandb_server.reports.values()
    spec = json.dumps(saved.spec)
    assert all(run.id in spec for run in table.runs)
    assert "On which settings do they agree?" in spec
    assert wandb_server.unknown == []
