"""The block that shows the data, on the HTML page."""

from __future__ import annotations

import re

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


def test_other_pictures_stay_as_they_are():
    html = DataSet(("data_pca",)).html(made_up_table(3), Page())
    assert html.count("<img") == html.count('class="picture"') == 1
