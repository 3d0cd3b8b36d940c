"""W&B's own panels over the runs: the one place that knows wandb-workspaces."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.report._data import other_results
from dlsweep.report._runs import Online, RunsTable
from dlsweep.report.statistics import settings
from dlsweep.sweep import Row

DATA_JOB = "data"
"""The job type of runs that show the data, ``dlsweep.tracking.JOB_TYPE``; that imports wandb."""
WIDTH = 24
"""Of W&B's grid, in its units."""


def native() -> Any:
    """The module ``wandb_workspaces.reports.v2``.

    Raises:
        ConfigError: in one line, where it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own, of pydantic's
            import wandb_workspaces.reports.v2 as reports
    except ImportError:
        raise ConfigError(
            ["W&B reports need wandb-workspaces: pip install 'dlsweep[publish]'"]
        ) from None
    return reports


_KIND_OF_REPORT = "query SpecificReport($reportId: ID!) { view(id: $reportId) { id type } }"


def kind_of_report(report: str) -> str:
    """W&B's type of a saved report: runs, or runs/draft; empty where there is none of this id."""
    from wandb_workspaces._graphql import execute_graphql
    from wandb_workspaces.reports.v2.interface import _get_api

    try:
        api = _get_api()  # type: ignore[no-untyped-call]
        found = execute_graphql(api, _KIND_OF_REPORT, {"reportId": report})
    except Exception as error:  # whatever its client makes of an answer
        if "not found" in str(error) or "404" in str(error):
            return ""
        raise
    return str((found.get("view") or {}).get("type") or "")


def setting(name: str) -> Any:
    """A setting, as panels name it."""
    return native().Config(name)


def metric(table: RunsTable) -> Any:
    """The metric of the runs in their summaries, as panels name it."""
    return native().SummaryMetric(table.metric.name)


def lines(table: RunsTable, title: str, names: Sequence[str], **more: Any) -> Any:
    """A plot of what was logged: over a built-in run's epochs, or a program's steps."""
    reports = native()
    x = reports.Metric("epoch") if table.own else "Step"
    y = [reports.Metric(name) for name in names]
    return reports.LinePlot(title=title, x=x, y=y, smoothing_factor=0, **more)


def all_runs(table: RunsTable, place: Online) -> Any:
    """The run set of a report: the sweep's, the group's or the project's runs, the best first."""
    return _runset(table, place, "All runs", _filter(place))


def chosen(table: RunsTable, runs: Sequence[Row], name: str) -> list[Any]:
    """A run set of single runs; none where they are not at W&B."""
    if table.online is None or not runs:
        return []
    return [_runset(table, table.online, name, _of_ids([run.id for run in runs]))]


def data_runs(table: RunsTable) -> list[Any]:
    """The run set of the runs that show the data; none where the runs are not at W&B."""
    if table.online is None:
        return []
    filters = f"Metric('JobType') == {DATA_JOB!r}"
    return [_runset(table, table.online, "The data", filters)]


def _of_ids(ids: Sequence[str]) -> str:
    return f"Metric('ID') in [{', '.join(map(repr, ids))}]"


def _filter(place: Online) -> str:
    if place.ids:
        return _of_ids(place.ids)
    trained = f"Metric('JobType') != {DATA_JOB!r}"
    if place.sweep is not None:
        return f"Metric('Sweep') == {place.sweep!r}"
    return f"Metric('Group') == {place.group!r} and {trained}" if place.group else trained


def _runset(table: RunsTable, place: Online, name: str, filters: str) -> Any:
    reports = native()
    paths = (name.split(".") for name in settings(table))
    shown = [f"config:{'.'.join([first, 'value', *rest])}" for first, *rest in paths]
    kept = [f"summary:{name}" for name in other_results(table)]
    order = [reports.OrderBy(metric(table), ascending=table.metric.goal == "minimize")]
    value = [f"summary:{table.metric.name}"]
    return reports.Runset(
        entity=place.entity,
        project=place.project,
        name=name,
        filters=filters,
        **({"order": order} if table.judged else {}),
        pinned_columns=["run:displayName", *(value if table.judged else [])],
        visible_columns=["run:state", *shown, *kept],
    )


def grid(runsets: Sequence[Any], *panels: Any, columns: int = 1, height: int = 12) -> list[Any]:
    """Panels over run sets, in rows; nothing where there is no run set to read.

    Args:
        runsets: what they read.
        panels: in order.
        columns: panels in a row.
        height: of each, in the grid's units.
    """
    if not runsets or not panels:
        return []
    reports = native()
    width = WIDTH // columns
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        panel.layout = reports.Layout(x=column * width, y=row * height, w=width, h=height)
    return [reports.PanelGrid(runsets=list(runsets), panels=list(panels))]


def markdown(*texts: str) -> list[Any]:
    """Text, as a block; nothing where there is none."""
    text = "\n".join(text for text in texts if text.strip())
    return [native().MarkdownBlock(text)] if text else []


def table_chart(key: str, chart: str, fields: dict[str, str], title: str) -> Any:
    """A chart that runs have logged as a table: a confusion matrix, ROC curves.

    Without empty id and name the query is one that W&B's page cannot read.
    """
    return native().CustomChart(
        query={"id": None, "name": None, "summaryTable": {"tableKey": f"{key}_table"}},
        chart_name=chart,
        chart_fields=fields,
        chart_strings={"title": title},
    )
