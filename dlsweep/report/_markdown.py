"""The Markdown that blocks and pages are written in: text, cells, tables, pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dlsweep.report._data import metric_words
from dlsweep.report._runs import RunsTable
from dlsweep.report._words import code, minute


def provenance(table: RunsTable) -> str:
    """When the report was made, from which data and with which versions."""
    made_with = ", ".join(f"{name} {version}" for name, version in table.versions.items())
    return (
        f"Made {minute(table.made)} from {plain(table.source)}, with {plain(made_with)}."
        + "".join(f" {plain(notice)}." for notice in table.notices)
    )


def plain(text: object) -> str:
    """Text in which nothing is markup."""
    return re.sub(r"([\\`*_{}\[\]<>#+!|~&$])", r"\\\1", " ".join(str(text).split()))


def cell(text: object) -> str:
    """A name in a table's cell, shown as it is."""
    return code(text).replace("|", "\\|") if str(text).strip() else ""


def label(table: RunsTable, name: str) -> str:
    """A setting or a metric in a cell or a title; a program's name is shown as it is."""
    return table.words(name) if table.own else cell(name)


def metric_label(table: RunsTable) -> str:
    """The metric in a cell or a title."""
    return metric_words(table) if table.own else cell(table.metric.name)


def commands(line: str) -> str:
    """A command line as a block of code, whatever is in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence}sh\n{line}\n{fence}\n"


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table.

    Args:
        header: the columns' names, Markdown.
        rows: their cells, Markdown.
        numbers: the columns that are aligned right.
    """
    right = set(numbers)
    rules = ["---:" if i in right else "---" for i in range(len(header))]
    lines = [header, rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def figure(title: str, picture: str, note: str = "") -> str:
    """A picture with its title and how to read it."""
    return f"**{title}**\n\n{picture}\n" + (f"{note}\n" if note else "")
