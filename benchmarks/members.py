"""Time and memory as a stack grows: the same net K times over, with learning rates of their own.

On a CPU, in one process with one thread, as the processes of a sweep train.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.machine import describe, header, shown, spread
from benchmarks.peers.in_memory import in_memory_loop
from benchmarks.peers.jax_vmap import jax_vmap
from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.training import Stack

CPU = (1, 2, 4, 8, 16, 32)
SMOKE = (1, 2)
JAX, LOOP = "JAX vmap + jit, all cores", "in-memory loop, fused Adam"


def net(members: int, *, batch_size: int = 64, epochs: int = 2, **others: Any) -> list[RunConfig]:
    """Study S1's net, so many times, with learning rates from 1e-4 to 1e-2."""
    settings: dict[str, Any] = {
        "num_layers": 4,
        "hidden_size": 128,
        "activation": "tanh",
        "optimizer": "adam",
        "weight_init": "xavier",
        "batch_size": batch_size,
        "epochs": epochs,
        **others,
    }
    last = max(1, members - 1)
    return [RunConfig(**settings, learning_rate=1e-4 * 100 ** (i / last)) for i in range(members)]


def measure(
    data: Dataset,
    members: Sequence[int],
    repetitions: int,
    *,
    peers: bool = True,
    **settings: Any,
) -> dict[str, Any]:
    """Seconds for a member's epoch at each size of the stack.

    Args:
        data: on the device to measure.
        members: the sizes.
        repetitions: epochs that are timed, after one that is not.
        peers: whether JAX trains the same stacks, and a loop one net.
        settings: of the net, where they are to differ.
    """
    device = data.train.images.device
    result: dict[str, Any] = {"machine": describe(), "device": device.type, "rows": []}
    result["batch_size"] = net(1, **settings)[0].batch_size
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for count in members:
            print(f"{count} members", file=sys.stderr)
            row = _stack(net(count, epochs=repetitions + 2, **settings), data)
            if peers and count <= 32:
                row[JAX] = _jax(net(count, **settings), data, repetitions)
            result["rows"].append(row)
        if peers:
            times = in_memory_loop(net(1, **settings)[0], data, repetitions + 1)[1:]
            result[LOOP] = spread(times)
    finally:
        torch.set_num_threads(threads)
    return result


def _stack(configs: list[RunConfig], data: Dataset) -> dict[str, Any]:
    count = len(configs)
    row: dict[str, Any] = {"members": count}
    began = time.perf_counter()
    # The end of a stack evaluates every member on its own: that is not what is timed here.
    epochs = iter(Stack(configs, data))
    times = []
    for number in range(configs[0].epochs - 1):
        next(epochs)
        if number == 0:
            row["first_epoch"] = time.perf_counter() - began
        else:
            times.append((time.perf_counter() - began) / count)
        began = time.perf_counter()
    row["seconds"] = spread(times)
    return row


def _jax(configs: list[RunConfig], data: Dataset, repetitions: int) -> dict[str, Any] | None:
    try:
        _, seconds = jax_vmap(configs, data, repetitions)
    except ImportError:
        return None
    return spread([time / len(configs) for time in seconds])


def table(result: dict[str, Any]) -> str:
    heads = ["members", "s per member-epoch", JAX]
    lines = [
        header(result["machine"]),
        f"784-128-128-128-128-10, tanh, Adam, batch {result['batch_size']}, on the CPU, "
        "one process, one thread",
        "",
        f"| {' | '.join(heads)} |",
        "|" + "---|" * len(heads),
    ]
    for row in result["rows"]:
        jax = shown(row[JAX], 3) if row.get(JAX) else ""
        lines.append(f"| {row['members']} | {shown(row['seconds'], 4)} | {jax} |")
    if LOOP in result:
        lines.append(f"\n{LOOP}, one thread: {shown(result[LOOP], 3)} s per epoch")
    return "\n".join(lines)


def figure(result: dict[str, Any], path: str) -> None:
    """Draw the time of a member's epoch against the size of the stack."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    rows = result["rows"]
    sizes = [row["members"] for row in rows]
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    middle = [row["seconds"]["median"] for row in rows]
    below = [row["seconds"]["median"] - row["seconds"]["low"] for row in rows]
    above = [row["seconds"]["high"] - row["seconds"]["median"] for row in rows]
    axes.errorbar(sizes, middle, (below, above), marker="o", capsize=3, label="dlsweep")
    known = [row for row in rows if row.get(JAX)]
    if known:
        axes.plot(
            [row["members"] for row in known],
            [row[JAX]["median"] for row in known],
            marker="s",
            label=JAX,
        )
    if LOOP in result:
        axes.axhline(result[LOOP]["median"], color="gray", linestyle="--", label=LOOP)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("members of the stack")
    axes.set_ylabel("seconds for a member's epoch")
    axes.legend()
    axes.grid(which="both", alpha=0.3)
    plt.rcParams["svg.hashsalt"] = "dlsweep"  # the same file for the same numbers
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
