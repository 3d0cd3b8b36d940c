"""Threads for what waits."""

from __future__ import annotations

import threading

import pytest

from dlsweep.tracking import Pool


def test_results_and_errors_come_back():
    pool = Pool(2)
    assert [pool.submit(pow, 2, n).result() for n in range(5)] == [1, 2, 4, 8, 16]
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0).result()


def test_as_many_at_a_time_as_there_are_threads():
    pool = Pool(3)
    together = threading.Barrier(3)
    futures = [pool.submit(together.wait, 30) for _ in range(6)]  # two at a time would never pass
    assert sorted(future.result() for future in futures) == [0, 0, 1, 1, 2, 2]


def test_no_more_threads_than_asked_for():
    pool = Pool(2)
    names = {pool.submit(threading.get_ident).result() for _ in range(20)}
    hold = threading.Event()
    held = [pool.submit(hold.wait, 30) for _ in range(5)]
    started = pool._started
    hold.set()
    assert all(future.result() for future in held)
    assert len(names) <= 2
    assert started == 2


def test_its_threads_do_not_keep_a_program_alive():
    pool = Pool(1)
    daemon = pool.submit(lambda: threading.current_thread().daemon).result()
    assert daemon
