"""``dlsweep train``, which ``train.py`` is too: one run from flags."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep._unwritable import Unwritable, is_full
from dlsweep.cli._errors import command
from dlsweep.cli._files import replace_file, unusable
from dlsweep.cli._lines import result_line, show_epoch
from dlsweep.cli._manual import add_manual
from dlsweep.config import ConfigError, RunConfig, flag_parser, parse_flags
from dlsweep.config.kinds import boolean

if TYPE_CHECKING:
    from dlsweep.training import RunResult


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
    in_sweep = "WANDB_SWEEP_ID" in os.environ
    try:
        settings, notices = parse_flags(argv, prog)
        _check(own, in_sweep)
    except ConfigError as error:
        if in_sweep:
            from dlsweep.tracking import refuse

            refuse(error)
        raise
    for notice in notices:
        print(f"dlsweep: {notice}", file=sys.stderr)
    if own.get("use_wandb") == "false":
        os.environ["WANDB_MODE"] = "disabled"
    if "run_name" in own:
        os.environ["WANDB_NAME"] = own["run_name"]
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
    _save(result, own)
    return 0


def _save(result: RunResult, own: Mapping[str, str]) -> None:
    """Write the model and the settings to the files that flags name."""
    if "config_save_path" in own:
        path = Path(own["config_save_path"])
        content = (json.dumps(result.config.as_dict(), indent=2) + "\n").encode()
        replace_file("--config_save_path", path, content)
    if "model_save_path" not in own:
        return
    path = Path(own["model_save_path"])
    if not result.best_epoch:
        print(f"dlsweep: {path} was not written: the run diverged at once", file=sys.stderr)
        return
    from dlsweep.saved import encode_model
    from dlsweep.training import load_data

    replace_file("--model_save_path", path, encode_model(result, load_data(result.config)))
    if path.suffix != ".safetensors":
        what = "is in the format of safetensors, whatever its ending; `dlsweep predict` reads it"
        print(f"dlsweep: {path} {what}", file=sys.stderr)


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
    group = parser.add_argument_group("to keep what the run came to")
    group.add_argument("--run_name", metavar="NAME", help="the name of the run in W&B")
    group.add_argument("--no_wandb", action="store_true", help="write nothing for W&B")
    group.add_argument("--use_wandb", metavar="BOOL", help="false is --no_wandb (default: true)")
    group.add_argument(
        "--model_save_path", metavar="FILE", help="write the model of the best epoch (safetensors)"
    )
    group.add_argument("--config_save_path", metavar="FILE", help="write all settings (JSON)")
    group.add_argument("--config", metavar="FILE", help="read settings (YAML or JSON)")
    add_manual(parser, "train")
    parser.print_help()


_OWN = ("study", "storage", "run_name", "use_wandb", "model_save_path", "config_save_path")
"""Flags with a value that are not settings of the run."""


def _own_flags(argv: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The flags that are not settings of the run, by name; and the other arguments."""
    own: dict[str, str] = {}
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        flag, equals, value = word.partition("=")
        name = flag[2:].replace("-", "_") if flag.startswith("--") else ""
        if name == "no_wandb" and not equals:
            own["use_wandb"] = "false"
        elif name not in _OWN:
            rest.append(word)
        else:
            value = value if equals else next(words, "")
            if not value or (not equals and value.startswith("--")):
                raise ConfigError([f"{flag}: got nothing; it needs a value"])
            own[name] = value
    return own, rest


def _check(own: dict[str, str], in_sweep: bool) -> None:
    """Refuse flags that are wrong, or that cannot be together; ``use_wandb`` is made canonical.

    Raises:
        ConfigError: with a line for each.
    """
    problems = []
    if "use_wandb" in own:
        try:
            own["use_wandb"] = str(boolean(own["use_wandb"])).lower()
        except ValueError as error:
            problems.append(f"--use_wandb: got {own['use_wandb']!r}, {error}")
    if in_sweep and "study" in own:
        problems.append("--study: a run of a W&B sweep is not a run of a local study")
    if in_sweep and own.get("use_wandb") == "false":
        problems.append("--no_wandb: a run of a W&B sweep is logged to W&B")
    if "storage" in own and "study" not in own:
        problems.append("--storage: says where a --study is; give that too")
    if "study" in own:
        problems += [
            f"--{name}: not for a run of a study, which keeps its own"
            for name in ("run_name", "model_save_path", "config_save_path")
            if name in own
        ]
    for name, example in (("model_save_path", "m.safetensors"), ("config_save_path", "c.json")):
        if name in own:
            problems += unusable(f"--{name}", own[name], example=example)
    if problems:
        raise ConfigError(problems)


def _limit_threads(config: RunConfig) -> None:
    """Use as many threads as the run gains from, unless the user says how many."""
    import torch
    from threadpoolctl import threadpool_limits

    from dlsweep.training import threads

    limit = threads(config)
    if limit is not None and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(limit)
        threadpool_limits(limit)  # NumPy's
