"""A study in PostgreSQL, which many processes train together; against a real server."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count

import optuna
import pytest

from dlsweep import ConfigError
from dlsweep.sweep import Point, Study, _outage, _shared, _tables, list_studies, read_study
from dlsweep.sweep._database import storage_name, storage_url
from tests.postgres import Postgres
from tests.sweep.helpers import history, sweep, train
from tests.sweep.participant import SPACE

_names = count()


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    """An empty database."""
    return postgres_server.create(f"test{next(_names)}")


@pytest.fixture
def lively(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hearts beat fast, and news are never old."""
    monkeypatch.setattr(_outage, "HEARTBEAT", 0.1)
    monkeypatch.setattr(_shared, "_NEWS", 0.0)


def age(study: Study) -> None:
    """Let the heartbeats of all that is running be from long ago."""
    study._store.let_go([r.trial_id for r in study._records.values() if r.state == "running"])


def finish(study: Study, points: list[Point]) -> None:
    for point in points:
        study.finish(point, "finished", history(point.config.learning_rate))


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_two_owners_are_never_given_the_same(url: str, method: str):
    given = sweep(SPACE, method, run_cap=60)
    with Study.open(given, url) as one, Study.open(given, url) as other:
        assert one.name == other.name
        points: list[Point] = []
        while asked := one.ask(5) + other.ask(3):
            points += asked
            assert len(asked) in (8, 4)  # 60 is seven times 8, and 4
            for point in asked:
                study = one if point in asked[:5] else other
                study.finish(point, "finished", history(point.config.learning_rate))
        assert [p.number for p in points] == list(range(60))
        assert len({p.config for p in points}) == 60
        assert one.others() == other.others() == 0
        assert one.table() == other.table() == read_study(url)
        assert one.table().counts() == {"finished": 60}
    if method == "grid":
        alone = given.space
        assert [p.config for p in points] == [alone.config(alone.at(i)) for i in range(60)]


def test_random_points_are_those_of_one_owner(url: str, tmp_path: object):
    given = sweep(SPACE, run_cap=20)
    with Study.open(given, f"{tmp_path}/alone.db") as study:
        alone = [point.config for point in study.ask(20)]
    with Study.open(given, url) as one, Study.open(given, url) as other:
        assert [p.config for _ in range(5) for s in (one, other) for p in s.ask(2)] == alone


def test_bayes_learns_from_what_others_trained(url: str):
    given = sweep({"learning_rate": {"min": 0.0, "max": 1.0}}, "bayes")
    with Study.open(given, url) as one, Study.open(given, url) as other:
        train(one, 30, batch=5, score=lambda c: -abs(c.learning_rate - 0.7))
        points = train(other, 10, score=lambda c: -abs(c.learning_rate - 0.7))
        proposed = [point.config.learning_rate for point in points]
        assert sum(0.55 < rate < 0.85 for rate in proposed) >= 7  # at random, it would be 3


def test_a_target_that_another_has_reached_ends_the_sweep(url: str):
    metric = {"name": "val_accuracy", "goal": "maximize", "target": 0.9}
    given = sweep(SPACE, metric=metric)
    with Study.open(given, url) as one, Study.open(given, url) as other:
        (point,) = one.ask(1)
        assert len(other.ask(2)) == 2
        one.finish(point, "finished", history(0.95))
        assert other.ask(2) == []


def test_the_larger_count_goes_on(url: str):
    with (
        Study.open(sweep(SPACE, run_cap=4), url) as one,
        Study.open(sweep(SPACE, run_cap=6), url) as other,
    ):
        assert len(one.ask(9)) == 4
        assert len(other.ask(9)) == 2
        assert one.ask(1) == other.ask(1) == []
        assert (one.others(), other.others()) == (2, 4)


def test_what_a_dead_machine_left_is_taken_over(url: str, lively: None):
    given = sweep(SPACE, run_cap=4)
    with Study.open(given, url) as one, Study.open(given, url) as other:
        assert isinstance(one, _shared.SharedStudy)
        lost = one.ask(3)
        finish(one, lost[:1])
        assert [p.number for p in other.ask(9)] == [3]
        age(one)
        while read_study(url).counts() != {"running": 3, "finished": 1}:
            time.sleep(0.05)
        assert other.ask(9) == []  # it lives
        one._heart.stop()
        age(one)
        assert read_study(url).counts() == {"waiting": 2, "running": 1, "finished": 1}
        again = other.ask(9)
        assert [(p.number, p.config, p.run_id, p.attempt) for p in again] == [
            (p.number, p.config, p.run_id, 2) for p in lost[1:]
        ]
        assert read_study(url).counts() == {"running": 3, "finished": 1}

        # It was not dead: the first result counts, and each learns of the other's.
        assert one.finish(lost[1], "finished", history(0.1)).value == 0.1
        assert other.finish(again[0], "finished", history(0.2)).value == 0.2
        assert other.finish(again[1], "finished", history(0.3)).value == 0.3
        assert one.finish(lost[2], "finished", history(0.4)).value == 0.4
        one.others()
        other.others()
        for study in (one, other, read_study(url)):
            rows = study.rows() if isinstance(study, Study) else study.rows
            assert [row.value for row in rows[1:3]] == [0.1, 0.3]
    storage = optuna.storages.RDBStorage(storage_url(url))
    trials = optuna.load_study(study_name=one.name, storage=storage).get_trials()
    storage.remove_session()
    storage.engine.dispose()
    assert [len(t.intermediate_values) for t in trials] == [1, 1, 1, 0]


def test_who_leaves_hands_back_at_once(url: str):
    given = sweep(SPACE)
    with Study.open(given, url) as one:
        lost = one.ask(2)
    with Study.open(given, url) as other:
        assert [p.run_id for p in other.ask(2)] == [p.run_id for p in lost]


def test_epochs_are_seen_elsewhere_while_they_are_trained(
    url: str, lively: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dlsweep.sweep._study_records._LIVE", 0.0)
    with Study.open(sweep(SPACE), url) as one, Study.open(sweep(SPACE), url) as other:
        point, _ = one.ask(2)
        for epoch in (1, 2):
            one.trained(point, epoch, {"val_accuracy": epoch / 10})
        expected = [{"epoch": 1, "val_accuracy": 0.1}, {"epoch": 2, "val_accuracy": 0.2}]
        assert [(r.number, r.status, list(r.history)) for r in other.news()] == [
            (0, "running", expected),
            (1, "running", []),
        ]
        assert read_study(url).rows[0].history == expected
        one.finish(point, "stopped", history(0.1, 0.2, 0.3))
        assert [(r.number, r.status, len(r.history)) for r in other.news()] == [
            (0, "stopped", 3),
            (1, "running", 0),
        ]
        assert [r.number for r in other.news()] == [1]  # what has ended is told once


@pytest.fixture
def away(postgres_server: Postgres) -> Callable[[float], threading.Thread]:
    """Take the server away for some seconds; it comes back in a thread."""

    def take(seconds: float) -> threading.Thread:
        postgres_server.stop()

        def start() -> None:
            time.sleep(seconds)
            postgres_server.start()

        thread = threading.Thread(target=start)
        thread.start()
        return thread

    return take


def test_an_outage_is_ridden_out(
    url: str,
    lively: None,
    away: Callable[[float], threading.Thread],
    caplog: pytest.LogCaptureFixture,
):
    given = sweep(SPACE, "grid", run_cap=9)
    with Study.open(given, url) as one, Study.open(given, url) as other:
        mine, others = one.ask(4), other.ask(2)
        back = away(2.5)
        finish(one, mine[:2])  # does not wait
        assert back.is_alive()
        assert [row.status for row in one.rows()[:2]] == ["finished"] * 2
        more = one.ask(1)  # waits
        back.join()
        assert [p.number for p in more] == [6]
        # The heartbeats of all are old after an outage, and that is nobody's fault.
        assert isinstance(one, _shared.SharedStudy)
        assert isinstance(other, _shared.SharedStudy)
        one._heart.stop()
        age(one)
        assert [p.number for p in other.ask(9)] == [7, 8]
        other._outage._last -= _tables.GRACE
        assert [p.number for p in other.ask(9)] == [2, 3, 6]
        finish(one, mine[2:] + more)
        assert read_study(url).rows[0].status == "finished"
        assert [p.number for p in others] == [4, 5]
        assert len({row.run_id for row in read_study(url).rows}) == 9
    told = [record.getMessage() for record in caplog.records if record.name == "dlsweep.sweep"]
    assert any("the database does not answer, trying again: " in line for line in told)
    assert "the database is back" in told
    assert not any("hushhush" in line for line in told)


def test_a_turn_whose_end_was_not_heard_of(url: str, monkeypatch: pytest.MonkeyPatch):
    """The points that it gave are there, and are handed out by the next turn."""
    import sqlalchemy as sa

    with Study.open(sweep(SPACE, "grid"), url) as study:
        assert isinstance(study, _shared.SharedStudy)
        take_over, broken = study._take_over, iter([True, False])

        def breaking(points: list[Point]) -> None:
            take_over(points)
            if next(broken, False):
                turn = study._store._turn
                assert turn is not None
                turn.commit()  # and then, the connection is lost
                raise sa.exc.OperationalError("", {}, Exception("server closed the connection"))

        monkeypatch.setattr(study, "_take_over", breaking)
        assert [(p.number, p.attempt) for p in study.ask(3)] == [(0, 2), (1, 2), (2, 2)]
        assert [(p.number, p.attempt) for p in study.ask(1)] == [(3, 1)]


def test_nothing_is_lost_or_doubled(url: str, away: Callable[[float], threading.Thread]):
    """Four processes, some of which are killed, and a server that is gone for a while."""
    seeds = count()
    told: list[str] = []
    readers: list[threading.Thread] = []

    def participant() -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "tests.sweep.participant", url, "random", "120"]
        process = subprocess.Popen(
            [*words, str(next(seeds))], stdout=subprocess.PIPE, text=True, bufsize=1
        )

        def read() -> None:
            assert process.stdout is not None
            with process.stdout:
                told.extend(process.stdout)

        readers.append(threading.Thread(target=read))
        readers[-1].start()
        return process

    def stored() -> list[int]:
        return [int(line.split()[1]) for line in list(told) if line.startswith("stored ")]

    draw = random.Random(0)
    processes = [participant() for _ in range(3)]
    for level in (20, 40, 60):
        while len(stored()) < level:
            assert any(process.poll() is None for process in processes), told
            time.sleep(0.02)
        while told.count("open\n") < len(readers):
            time.sleep(0.02)
        if level == 40:
            away(1.0).join()
        victim = processes.pop(draw.randrange(len(processes)))
        victim.kill()
        processes.append(participant())
        victim.wait()
    codes = [process.wait(timeout=120) for process in processes]
    for reader in readers:
        reader.join()
    assert codes == [0, 0, 0]
    [study] = list_studies(url)
    assert study.counts() == {"finished": 120}
    assert [row.number for row in study.rows] == list(range(120))
    assert len({row.run_id for row in study.rows}) == 120
    assert len({str(row.config) for row in study.rows}) == 120
    assert all(row.value == row.config["learning_rate"] for row in study.rows)


def test_addresses():
    assert storage_url("postgres://u@h/d") == "postgresql+psycopg://u@h/d"
    assert storage_url("postgresql://u@h/d") == "postgresql+psycopg://u@h/d"
    assert storage_url("postgresql+pg8000://u@h/d") == "postgresql+pg8000://u@h/d"
    assert storage_url("a/b.db") == "sqlite:///a/b.db"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://u:secret@h/d", "postgresql+psycopg://u:***@h/d"),
        (
            "postgresql://u:se@cr/et@h:5432/d?sslmode=require",
            "postgresql://u:***@h:5432/d?sslmode=require",
        ),
        ("postgresql:///d?user=u&password=secret&x=1", "postgresql:///d?user=u&password=***&x=1"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("studies/a.db", "studies/a.db"),
    ],
)
def test_passwords_are_never_shown(url: str, shown: str):
    assert storage_name(url) == shown


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("postgresql://u:secret@127.0.0.1:1/d", "cannot be opened: "),
        ("postgresql://u:secret@h:port/d", "expected a URL such as"),
        ("postgresql://u:secret@/d?host=/no/such/place", "cannot be opened: "),
        ("postgresql://u@/d?host=/no/such/place&password=secret", "cannot be opened: "),
    ],
)
def test_a_server_that_is_not_there(url: str, line: str):
    with pytest.raises(ConfigError) as caught:
        Study.open(sweep(SPACE), url)
    (problem,) = caught.value.problems
    assert problem.startswith("storage: ")
    assert line in problem
    assert "secret" not in problem
    assert "\n" not in problem


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError) as caught:
        Study.open(sweep(SPACE), "postgres://u:secret@h/d")
    assert caught.value.problems == (
        "storage: postgresql+psycopg://u:***@h/d needs psycopg; pip install 'dlsweep[postgresql]'",
    )


def test_reading_makes_no_tables(url: str):
    with pytest.raises(ConfigError, match=r"holds no study; `dlsweep sweep` makes one"):
        list_studies(url)
