"""The flags that a command passes to dlsweep's own program, as settings of every run."""

from __future__ import annotations

from collections.abc import Mapping

from dlsweep.config import ConfigError, canonical_value, parse_flags
from dlsweep.sweep.file._command import MACROS, Command
from dlsweep.sweep.file._distributions import Constant, Distribution


def merge_flags(
    command: Command,
    flags: list[str],
    parameters: Mapping[str, Distribution],
    problems: list[str],
    notices: list[str],
) -> dict[str, Distribution]:
    """The parameters of a sweep with those that its command fixes.

    Where both have a setting, the later one counts, as on a command line: a flag after ``${args}``,
    or else what the sweep says.

    Args:
        command: of the sweep.
        flags: see ``builtin_flags``.
        parameters: of the sweep.
        problems: gets one line for every flag that is wrong.
        notices: gets one line for every setting that both have.
    """
    if {"-h", "--help"} & set(flags):
        problems.append("command: --help trains nothing; leave it out")
        return dict(parameters)
    words = command.expanded()
    args = max((i for i, word in enumerate(words) if word.startswith("${args")), default=len(words))
    late = [word for word in words[args + 1 :] if word not in MACROS]
    early = flags[: len(flags) - len(late)]
    found = dict(parameters)
    for group, place, wins in ((early, "before", False), (late, "after", True)):
        try:
            settings, about = parse_flags(group)
        except ConfigError as error:
            problems += [f"command: {problem}" for problem in error.problems]
            continue
        notices += [f"command: {notice}" for notice in about]
        for name, value in settings.items():
            if name in parameters:
                which = "the command's holds for every run" if wins else "the sweep's count"
                notices.append(f"command: {name} is set {place} ${{args}}, so {which}")
            if wins or name not in parameters:
                found[name] = Constant(canonical_value(name, value)[0])
    return dict(sorted(found.items()))
