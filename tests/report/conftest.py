from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


@pytest.fixture
def five_hours_west() -> Iterator[None]:
    """The local time zone is UTC−5."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "EST5")
        time.tzset()
        yield
    time.tzset()
