"""The real `wandb` command in a process of its own, with its agent's waiting cut short."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# `wandb agent` waits 5 s before each heartbeat; the class attribute is the only way to change it.
COMMAND = """
import sys
import wandb.wandb_agent
wandb.wandb_agent.Agent.POLL_INTERVAL = {poll}
from wandb.cli.cli import cli
sys.argv[0] = "wandb"
cli()
"""


def wandb_cli(
    *arguments: str,
    cwd: Path,
    env: dict[str, str] | None = None,
    poll: float = 0.2,
    timeout: float = 120,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run `wandb ARGUMENTS` in a folder; return its exit code and its output, errors merged in.

    `env` is added to the environment of this process. Raises TimeoutExpired.
    """
    return subprocess.run(
        [sys.executable, "-c", COMMAND.format(poll=poll), *arguments],
        cwd=cwd,
        env={**os.environ, "WANDB_SILENT": "false", **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
        **options,
    )
