"""A small W&B server for tests: the real wandb client speaks to it, and a test reads what it got.

>>> with WandbServer() as server:
...     subprocess.run([sys.executable, "-m", "wandb", "sweep", "sweep.yaml"],
...                    env=os.environ | server.env())
...     server.sweeps  # {"sweep002": Sweep(id="sweep002", config={"method": "grid", ...}, ...)}

It follows what wandb 0.31's client asks and how W&B's server answers; it checks no key and no
quota. `server.unknown` names what a client asked that the server does not know; tests hold it
empty.
"""

from . import (  # noqa: F401 - the operations register themselves
    _artifacts,
    _reading,
    _reports,
    _runs,
    _sweeps,
)
from ._client import wandb_cli
from ._http import API_KEY, Fault, WandbServer
from ._state import ENTITY, Agent, Artifact, Project, Report, Run, Sweep

__all__ = [
    "API_KEY",
    "ENTITY",
    "Agent",
    "Artifact",
    "Fault",
    "Project",
    "Report",
    "Run",
    "Sweep",
    "WandbServer",
    "wandb_cli",
]
