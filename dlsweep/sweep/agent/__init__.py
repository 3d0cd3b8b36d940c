"""The agent of a W&B sweep: a source of runs that W&B hands out."""

from dlsweep.sweep.agent._agent import AgentReport, agent, train_joined
from dlsweep.sweep.agent._join import AgentOptions, JoinedSweep, join_sweep
from dlsweep.sweep.agent._wandb_source import WandbSource

__all__ = [
    "AgentOptions",
    "AgentReport",
    "JoinedSweep",
    "WandbSource",
    "agent",
    "join_sweep",
    "train_joined",
]
