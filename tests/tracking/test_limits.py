"""The limit of open files."""

from __future__ import annotations

import pytest

from dlsweep.tracking import room_for_runs

resource = pytest.importorskip("resource")


@pytest.mark.parametrize(
    ("limits", "wanted", "room", "raised"),
    [
        ((1024, 4096), 64, 64, None),  # 356 are enough
        ((256, 4096), 64, 64, 356),
        ((256, 300), 64, 50, 300),
        ((256, resource.RLIM_INFINITY), 1000, 1000, 4100),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 10**6, 10**6, None),
        ((64, 64), 5, 1, 64),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch,
    limits: tuple[int, int],
    wanted: int,
    room: int,
    raised: int | None,
):
    now = [limits]
    monkeypatch.setattr(resource, "getrlimit", lambda _: now[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: now.append(new))
    assert room_for_runs(wanted) == room
    assert [soft for soft, _ in now[1:]] == ([] if raised is None else [raised])
