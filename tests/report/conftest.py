from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.report.browser import Browser, start


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser, one for all tests of reports in this process."""
    yield from start(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def five_hours_west() -> Iterator[None]:
    """The local time zone is UTC−5."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "EST5")
        time.tzset()
        yield
    time.tzset()
