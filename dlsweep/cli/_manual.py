"""What ``--help`` says at the end of each command: examples and exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field

_COMMON = {
    0: "done",
    1: "it could not be done, as on a full disk or without the network",
    2: "something that was given is wrong; nothing was changed",
    130: "interrupted with Ctrl-C",
}


@dataclass(frozen=True)
class Manual:
    """The end of a command's ``--help``.

    Attributes:
        examples: commands, each with what it does.
        codes: exit codes that mean something else than those of all commands.
        notes: what else a user may ask.
    """

    examples: Mapping[str, str]
    codes: Mapping[int, str] = field(default_factory=dict)
    notes: str = ""

    def text(self) -> str:
        """The epilog, in lines of at most 80 characters."""
        lines = ["examples:"]
        for command, does in self.examples.items():
            lines += [f"  {command}", f"      {does}"]
        if self.notes:
            lines += ["", self.notes]
        lines += ["", "exit codes:"]
        for code, meaning in (_COMMON | dict(self.codes)).items():
            lines.append(f"  {code:<4}{meaning}")
        return "\n".join(lines)


MANUALS = {
    "": Manual(
        {
            "dlsweep train --dataset digits": "trains one network, and keeps it as a W&B run",
            "dlsweep sweep sweep.yaml": "trains all runs of a sweep file, with no account",
            "dlsweep report": "writes what the newest sweep has found as an HTML file",
        },
        notes="`dlsweep COMMAND --help` has examples of each. A shell completes what you type\n"
        'after: eval "$(dlsweep completion bash)" (also zsh, fish).',
    ),
    "train": Manual(
        {
            "dlsweep train --dataset digits --epochs 5 -lr 0.01": "trains one network",
            "dlsweep train --hidden_size 128 64 --num_layers 2 --save_model true": "two hidden "
            "layers; the model is kept, for `dlsweep predict`",
            "dlsweep train --optimizer sgd --study mine": "adds the run to the local study mine",
        },
        {1: "it could not be done: a full disk, or data that cannot be fetched"},
        "Without a W&B account the run is kept offline. `python train.py` is the same.",
    ),
    "sweep": Manual(
        {
            "dlsweep sweep sweep.yaml": "trains what is left of the sweep",
            "dlsweep sweep sweep.yaml --count 50 --workers 4": "50 runs in all, four at a time",
            "dlsweep sweep mine.yaml --builtin": "the built-in networks, whatever the program",
        },
        {
            1: "no run could be trained, or the disk is full; what was recorded is kept",
            130: "interrupted; the same command goes on",
        },
    ),
    "ablate": Manual(
        {
            "dlsweep ablate base.yaml lr=0.001,0.01 optimizer=sgd,adam -o one.yaml": "a "
            "sweep file of the base and of each value in its place, with three seeds",
            "dlsweep ablate base.yaml '{optimizer: sgd, learning_rate: 0.1}' --seeds 5": "two "
            "settings that belong together, with five seeds",
        },
    ),
    "repeat": Manual(
        {
            "dlsweep repeat": "the best 3 configurations of the newest study, with 5 new seeds",
            "dlsweep repeat mine --top 5 --seeds 10": "five of the study mine, with ten",
            "dlsweep repeat mine --seed-parameter random_state": "of a program of your own",
        },
        {130: "interrupted; the same command goes on"},
    ),
    "stop": Manual({"dlsweep stop": "lets the command that trains the newest study leave"}),
    "resume": Manual({"dlsweep resume mine": "lets the study mine go on"}),
    "agent": Manual(
        {
            "dlsweep agent team/project/abc123": "trains runs of this sweep until it has no more",
            "dlsweep agent abc123 --count 20": "trains 20 of them",
        },
        {1: "W&B does not answer, or all runs failed"},
    ),
    "runs": Manual(
        {
            "dlsweep runs": "the runs of the newest study, best first",
            "dlsweep runs mine --wide": "with every column, however narrow the terminal is",
            "dlsweep runs --watch": "again and again while runs are trained",
        }
    ),
    "sync": Manual(
        {
            "dlsweep sync": "sends the runs of the newest study to W&B",
            "dlsweep sync mine --dry-run": "says what would be sent",
        },
        {1: "some runs were not sent; the same command goes on"},
    ),
    "export": Manual(
        {
            "dlsweep export > runs.csv": "the newest study as CSV",
            "dlsweep export mine --output runs.parquet": "a study by name, the format by the name",
        }
    ),
    "report": Manual(
        {
            "dlsweep report": "the newest study as STUDY.html",
            "dlsweep report mine --markdown folder": "as README.md and pictures",
            "dlsweep report team/project/abc123": "of a W&B sweep",
            "dlsweep report students/*.db": "compares the newest study of each file",
            "dlsweep report 'dlsweep.db#*'": "compares all studies of one file",
        }
    ),
    "predict": Manual(
        {
            "dlsweep predict model.safetensors digit.png": "says what the picture shows",
            "dlsweep predict model.safetensors *.png --format csv": "the share of every class",
        },
        {2: "a file cannot be read, or something else that was given is wrong"},
    ),
    "data": Manual(
        {
            "dlsweep data fashion_mnist": "fetches a data set before it is needed",
            "dlsweep data photos --image_size 64 --show": "reads your own, and says what is in it",
        }
    ),
    "completion": Manual(
        {
            'eval "$(dlsweep completion bash)"': "for this shell; in ~/.bashrc for all to come",
            "dlsweep completion fish | source": "the same of fish",
        }
    ),
}
"""By the command's name; that of ``dlsweep`` itself is empty."""


def add_manual(parser: argparse.ArgumentParser, name: str) -> None:
    """Let a parser's ``--help`` end with its manual, in lines that stay as they are."""
    if name in MANUALS:
        parser.epilog = MANUALS[name].text().replace("%", "%%")
        parser.formatter_class = _Formatter


class _Formatter(argparse.HelpFormatter):
    """Fills the description, and leaves the lines of the manual alone."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return "".join(f"{indent}{line}\n" for line in text.splitlines())
        return super()._fill_text(text, width, indent)
