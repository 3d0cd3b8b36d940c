"""What the sentences of a report call settings, their values and the metric: one name for each.

Of built-in networks it is what figures call them too; a program's own names stand as they are.
"""

from __future__ import annotations

import re
from typing import Any

from dlsweep.report._data import metric_words
from dlsweep.report._runs import RunsTable, level, plain_numbers
from dlsweep.report._words import code


def named(table: RunsTable, name: str) -> str:
    """A setting, such as weight decay."""
    return table.words(name) if table.own and re.fullmatch(r"\w+", name) else code(name)


def matters(name: str) -> str:
    """The verb after a setting as ``named`` has it: weight decay matters, epochs matter."""
    plural = name.endswith(("epochs", "layers")) and not name.startswith("number of")
    return "matter" if plural else "matters"


def valued(text: str) -> str:
    """A setting's value as findings have it, between backticks."""
    return code(plain_numbers(text))


def choice(table: RunsTable, name: str, text: str) -> str:
    """A setting with a value as findings have it: weight decay `0.5`, lr of `1` or more."""
    name = named(table, name)
    if text.endswith(" or more"):
        return f"{name} of {valued(text.removesuffix(' or more'))} or more"
    if text.startswith("less than "):
        return f"{name} of less than {valued(text.removeprefix('less than '))}"
    return f"{name} {valued(text)}"


def setting(table: RunsTable, name: str, value: Any) -> str:
    """A setting with its value."""
    return choice(table, name, level(value))


def measured(table: RunsTable) -> str:
    """The metric, such as final validation accuracy."""
    return metric_words(table) if table.own else code(table.metric.name)


def better(table: RunsTable) -> str:
    """Which way the metric goes."""
    return f"{'higher' if table.metric.goal == 'maximize' else 'lower'} is better"


def sentence(text: str) -> str:
    """Text that begins a sentence; what stands between backticks stays as it is."""
    return text[:1].upper() + text[1:]


def again(table: RunsTable) -> str:
    """What the runs of one configuration are called: seeds are known of built-in networks."""
    return "seed" if table.own else "run"
