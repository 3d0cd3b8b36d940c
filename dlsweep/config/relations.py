"""What settings that are each sound alone may not be together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.config import choices

if TYPE_CHECKING:
    from dlsweep.config.run_config import RunConfig


def contradictions(config: RunConfig) -> list[str]:
    """What is wrong between settings that are each sound alone, one line each."""
    problems = []
    if isinstance(config.hidden_size, tuple) and len(config.hidden_size) != config.num_layers:
        problems.append(
            f"hidden_size: got {len(config.hidden_size)} sizes {list(config.hidden_size)} for "
            f"num_layers {config.num_layers}; give one size, or one per hidden layer"
        )
    if config.batch_norm and config.batch_size == 1:
        problems.append("batch_norm: one image has no variance; use a batch_size of 2 or more")
    if config.model == "cnn":
        _, side, _ = choices.DATASETS[config.dataset].image_shape
        for i, layer in enumerate(config.conv_layers, start=1):
            if layer.output_side(side) < 1:
                problems.append(
                    f"conv_layers: convolution {i} ({layer.kernel}×{layer.kernel}) is larger than "
                    f"the {side}×{side} image that reaches it"
                )
                break
            side = layer.output_side(side)
    if config.backend == "numpy":
        if config.model != "feedforward":
            problems.append("model: backend numpy trains feedforward only; use backend torch")
        if config.batch_norm:
            problems.append("batch_norm: not part of backend numpy; use backend torch")
        if config.dropout > 0:
            problems.append("dropout: not part of backend numpy; use backend torch")
        if config.device.startswith("cuda"):
            problems.append("device: backend numpy runs on the CPU; use auto or cpu")
    return problems
