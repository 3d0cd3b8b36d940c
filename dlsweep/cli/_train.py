"""``dlsweep train``, which ``train.py`` is too: one run from flags."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlsweep._unwritable import Unwritable, is_full
from dlsweep.cli._errors import command
from dlsweep.cli._lines import result_line, show_epoch
from dlsweep.cli._manual import add_manual
from dlsweep.config import ConfigError, RunConfig, flag_parser, parse_flags


def add_parser(commands: Any) -> None:
    """Add the sub-command, which reads its flags itself."""
    commands.add_parser("train", help="train one configuration", add_help=False)


@command
def train_main(argv: Sequence[str] | None = None) -> int:
    """Train one run, as ``train.py`` does; returns the exit code."""
    return train(sys.argv[1:] if argv is None else argv, "train.py")


def train(argv: Sequence[str], prog: str) -> int:
    """Train one run; returns the exit code.

    Args:
        argv: the flags.
        prog: the name of the command.
    """
    if "-h" in argv or "--help" in argv:
        _help(prog)
        raise SystemExit(0)
    own, argv = _own_flags(argv)
    try:
        settings, notices = parse_flags(argv, prog)
        if own and "WANDB_SWEEP_ID" in os.environ:
            raise ConfigError(["--study: a run of a W&B sweep is no run of a local study"])
    except ConfigError as error:
        if "WANDB_SWEEP_ID" in os.environ:
            from dlsweep.tracking import refuse

            refuse(error)
        raise
    for notice in notices:
        print(f"dlsweep: {notice}", file=sys.stderr)
    folder = Path(os.environ.get("WANDB_DIR") or ".")
    if is_full(folder) and os.environ.get("WANDB_MODE") != "disabled":
        raise Unwritable([f"{folder.absolute()} cannot be written: the disk is full"])
    if "study" in own:
        from dlsweep.cli._add_run import add_run

        return add_run(own["study"], own.get("storage"), settings)

    from dlsweep.tracking import train as train_run  # only now: torch and wandb take seconds
    from dlsweep.training import keep_freed_memory

    keep_freed_memory()
    _limit_threads(RunConfig(**settings))
    result = train_run(settings, on_epoch=show_epoch)
    print(result_line(result.config, result.summary()), flush=True)
    return 0


def _help(prog: str) -> None:
    """Print what the command does, all settings with their defaults, examples and exit codes."""
    parser = flag_parser(prog)
    parser.description = (
        "Train one network and log it to W&B: online with an account, else kept offline. Every "
        "setting has a default; a sweep file's names of settings work as flags too."
    )
    parser.usage = f"{prog} [--SETTING VALUE ...] [--study NAME [--storage FILE]]"
    for action in parser._actions:  # what values there are is in the help
        action.metavar = "N" if action.nargs == "+" else "VALUE"
    group = parser.add_argument_group("to keep the run in a local study")
    group.add_argument(
        "--study",
        metavar="NAME",
        help="add the run to this study, which is made where there is none; one that is there "
        "already with equal settings is not trained again",
    )
    group.add_argument("--storage", metavar="FILE", help="the study file (default: dlsweep.db)")
    add_manual(parser, "train")
    parser.print_help()


def _own_flags(argv: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The flags that are no settings of the run, ``--study`` and ``--storage``; and the others."""
    own: dict[str, str] = {}
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag not in ("--study", "--storage"):
            rest.append(word)
            continue
        value = value if equals else next(words, "")
        if not value or (not equals and value.startswith("--")):
            raise ConfigError([f"{flag}: got nothing; it needs a value"])
        own[flag[2:]] = value
    if own and "study" not in own:
        raise ConfigError(["--storage: says where a --study is; give that too"])
    return own, rest


def _limit_threads(config: RunConfig) -> None:
    """Use as many threads as the run gains from, unless the user says how many."""
    import torch
    from threadpoolctl import threadpool_limits

    from dlsweep.training import threads

    limit = threads(config)
    if limit is not None and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(limit)
        threadpool_limits(limit)  # NumPy's
