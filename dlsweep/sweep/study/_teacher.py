"""Tells a study's search how its points, and those of other studies, have ended."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from dlsweep.sweep.file import SweepFile, objective
from dlsweep.sweep.search import Search
from dlsweep.sweep.study._database import Database, from_json
from dlsweep.sweep.study._lessons import lessons_of
from dlsweep.sweep.study._opening import other_study
from dlsweep.sweep.study._points import Point
from dlsweep.sweep.study._reading import all_studies, read_rows, row_of
from dlsweep.sweep.study._runs import ENDED, Row

_SEARCHED = "role IN ('search', 'repeat')"


class Teacher:
    """Tells a search of the points of a study, and bayes how they have ended.

    Args:
        database: has the study.
        study: its id.
        sweep: what is searched.
        search: what is told.
        repeats: how many seeds each point is to have.

    Attributes:
        best: the best mean of a point whose runs have all ended; None if there is none.
    """

    def __init__(
        self, database: Database, study: int, sweep: SweepFile, search: Search, repeats: int
    ) -> None:
        self._database = database
        self._id = study
        self._sweep = sweep
        self._search = search
        self._repeats = repeats
        best = "max" if sweep.metric.goal == "maximize" else "min"
        [[self.best]] = database.query(
            f"SELECT {best}(mean) FROM (SELECT CASE WHEN sum(status IN ('running', 'waiting', "
            "'diverged')) = 0 THEN avg(value) END AS mean FROM runs WHERE study = ? AND "
            f"{_SEARCHED} GROUP BY coalesce(repeat_of, number))",
            study,
        )

    def load(self) -> list[list[Row]]:
        """Tell the search of all points so far; the runs of each point with too few seeds."""
        groups: dict[int, list[Row]] = {}
        with self._database.snapshot() as connection:
            for run in read_rows(connection, self._id, owned=True, epochs="none"):
                self._search.add(run.coordinates, run.config if run.run_id else None)
                if run.run_id and run.role in ("search", "repeat"):
                    groups.setdefault(run.point, []).append(run)
        for point, runs in groups.items():
            bayes, place = self._search.bayes, runs[0].coordinates
            if bayes is None:
                break
            ended, value = _mean(runs)
            if not ended or len(runs) < self._repeats:
                bayes.add(point, place)
            elif any(run.status in ENDED for run in runs):
                bayes.learn(place, self._values(runs, value), self._stopped_after(runs))
        return [runs for runs in groups.values() if len(runs) < self._repeats]

    def learn_from(self, studies: Sequence[str]) -> tuple[str, ...]:
        """Teach bayes what other studies have found; a notice for each."""
        notices = []
        with self._database.snapshot() as connection:
            own = read_rows(connection, self._id, owned=True, epochs="none")
            known = {run.run_id for run in own}
            for name in studies:
                source = other_study(all_studies(connection), self._sweep, name)
                lessons, notice = lessons_of(connection, source, self._sweep, known)
                notices.append(notice)
                for lesson in lessons:
                    if self._search.bayes is not None:
                        self._search.bayes.learn(lesson.coordinates, lesson.values, lesson.stopped)
        return tuple(notices)

    def ended(self, row: Row) -> None:
        """A run has ended: tell bayes the mean of its point, once that was the last of its runs."""
        if row.role not in ("search", "repeat"):
            return
        rows = [row]
        if self._repeats > 1 or row.repeat_of is not None:
            query = "SELECT * FROM runs WHERE study = ? AND coalesce(repeat_of, number) = ? AND "
            found = self._database.query(query + _SEARCHED, self._id, row.point)
            rows = [row_of(run, ()) for run in found]
        ended, value = _mean(rows)
        if not ended:
            return
        if self._search.bayes is not None:
            counts = any(run.status in ENDED for run in rows)
            values, stopped = self._values(rows, value), self._stopped_after(rows)
            self._search.bayes.tell(row.point, values, counts=counts, stopped=stopped)
        if value is not None and (self.best is None or self._sweep.metric.better(value, self.best)):
            self.best = value

    def _stopped_after(self, rows: Sequence[Row]) -> int | None:
        """After how many epochs the runs of a point were stopped; None if one of them was not."""
        if any(row.status != "stopped" for row in rows):
            return None
        query = "SELECT coalesce(max(epoch), 0) FROM epochs WHERE study = ? AND run = ?"
        return max(int(self._database.query(query, self._id, row.number)[0][0]) for row in rows)

    def _values(self, rows: Sequence[Row], value: float | None) -> tuple[float, ...] | None:
        """The mean metrics of a point; None unless it has all of them.

        Args:
            rows: its runs.
            value: its mean by the metric that decides.
        """
        if value is None:
            return None
        found = [value]
        for metric in self._sweep.others:
            values = [objective(metric, self._history(row), row.summary) for row in rows]
            known = [v for v in values if v is not None]
            if not known:
                return None
            found.append(fmean(known))
        return tuple(found)

    def _history(self, row: Row) -> list[Any]:
        query = "SELECT metrics FROM epochs WHERE study = ? AND run = ? ORDER BY epoch"
        epochs = self._database.query(query, self._id, row.number)
        return [from_json(text, f"an epoch of run {row.number}") for (text,) in epochs]


def _mean(rows: Sequence[Row]) -> tuple[bool, float | None]:
    """Whether all runs of a point have ended, and their mean value; None if one has diverged."""
    point = Point(rows[0].number, tuple(rows))
    return all(row.status in (*ENDED, "failed") for row in rows), point.value
