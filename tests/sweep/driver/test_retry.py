"""The retry policy."""

from __future__ import annotations

import pytest

from dlsweep.sweep.driver import retry_size
from dlsweep.sweep.execution import Cause


@pytest.mark.parametrize(
    ("cause", "left", "members", "deaths", "size"),
    [
        (Cause.ERROR, 4, 4, 0, 1),
        (Cause.ERROR, 2, 4, 2, 1),
        (Cause.ERROR, 1, 4, 0, None),
        (Cause.MEMORY, 5, 8, 0, 3),
        (Cause.MEMORY, 1, 4, 0, 1),  # alone it takes less than in its stack
        (Cause.MEMORY, 1, 1, 0, None),
        (Cause.DEATH, 3, 4, 1, 4),
        (Cause.DEATH, 3, 4, 2, 1),
        (Cause.DEATH, 1, 1, 2, 1),
        (Cause.DEATH, 1, 1, 3, 1),
        (Cause.DEATH, 1, 1, 4, None),
        (Cause.LOST, 3, 4, 2, 4),
        (Cause.LOST, 1, 1, 9, 1),
        (Cause.LOST, 3, 4, 10, None),
    ],
)
def test_the_size_follows_from_what_broke_the_stack(cause, left, members, deaths, size):
    assert retry_size(cause, left, members, deaths) == size
