"""The block that shows the data, on the HTML page."""

from __future__ import annotations

import re
from dataclasses import replace

from dlsweep.data import load
from dlsweep.report._page import Page
from dlsweep.report.blocks import DataSet
from tests.report.tables import made_up_table


def test_an_image_and_the_counts_of_every_class():
    html = DataSet().html(made_up_table(3), Page())
    data = load("digits")
    assert re.findall(r'alt="(.*?)"', html) == list(data.classes)
    assert len(set(re.findall(r'src="data:image/png;base64,(.*?)"', html))) == 10
    fours = [int((split.labels == 4).sum()) for split in (data.train, data.val, data.test)]
    assert f"<strong>4</strong><span>{' · '.join(map(str, fours))}</span>" in html


def test_the_counts_are_of_what_the_runs_were_trained_on():
    table = made_up_table(2)
    few = [replace(run, config={**run.config, "train_size": 200}) for run in table.runs]
    html = DataSet().html(replace(table, runs=tuple(few)), Page())
    data = load("digits", train_size=200)
    assert f"test, 200 · {len(data.val.labels)} · {len(data.test.labels)} in all.</p>" in html
    told = "Runs differ in training size: the numbers are those of the data set as a whole."
    assert told not in html
    assert told in DataSet().html(replace(table, runs=(*few, *table.runs)), Page())


def test_other_pictures_stay_as_they_are():
    html = DataSet(("data_pca",)).html(made_up_table(3), Page())
    assert html.count("<img") == html.count('class="picture"') == 1
