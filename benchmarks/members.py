"""Time and memory as a stack grows: the same net K times over, with learning rates of their own.

On a CPU in one process with one thread, as the processes of a sweep train; on a GPU with all of it.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks.machine import describe, header, shown, spread
from benchmarks.peers.in_memory import in_memory_loop
from benchmarks.peers.jax_vmap import jax_vmap
from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.training import Layout, Stack, stack_memory

CPU = (1, 2, 4, 8, 16, 32)
GPU = (1, 8, 64, 512, 4096)
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
    budget: float = float("inf"),
    keep: Callable[[dict[str, Any]], None] = lambda result: None,
    **settings: Any,
) -> dict[str, Any]:
    """Seconds for a member's epoch at each size of the stack.

    Args:
        data: on the device to measure.
        members: the sizes.
        repetitions: epochs that are timed, after one that is not.
        peers: whether JAX trains the same stacks, and a loop one net.
        budget: seconds after which no further size is begun.
        keep: is given what is known, after each size.
        settings: of the net, where they are to differ.
    """
    device = data.train.images.device
    result: dict[str, Any] = {"machine": describe(), "device": device.type, "rows": []}
    result["batch_size"] = net(1, **settings)[0].batch_size
    began = time.perf_counter()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for count in members:
            if time.perf_counter() - began > budget:
                result["rows"].append({"members": count, "skipped": "no time was left"})
                keep(result)
                continue
            print(f"{count} members", file=sys.stderr)
            row = _stack(net(count, epochs=repetitions + 2, **settings), data)
            if peers and count <= 32:
                row[JAX] = _jax(net(count, **settings), data, repetitions)
            result["rows"].append(row)
            keep(result)
        if peers:
            times = in_memory_loop(net(1, **settings)[0], data, repetitions + 1)[1:]
            result[LOOP] = spread(times)
    finally:
        torch.set_num_threads(threads)
    return result


def _stack(configs: list[RunConfig], data: Dataset) -> dict[str, Any]:
    count = len(configs)
    row: dict[str, Any] = {"members": count}
    on_gpu = data.train.images.device.type == "cuda"
    wait: Callable[[], object] = torch.cuda.synchronize if on_gpu else lambda: None
    predicted = stack_memory(configs, device=data.train.images.device.type)
    row["predicted_bytes"] = predicted.stack
    try:
        held = 0
        if on_gpu:
            gc.collect()  # else what is left of the stack before would seem to be this one's
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            held = torch.cuda.memory_reserved()
        began = time.perf_counter()
        # The end of a stack evaluates every member on its own: that is not what is timed here.
        epochs = iter(Stack(configs, data, compile_for=Layout.of(configs)))
        times = []
        for number in range(configs[0].epochs - 1):
            next(epochs)
            wait()
            if number == 0:
                row["first_epoch"] = time.perf_counter() - began
            else:
                times.append((time.perf_counter() - began) / count)
            began = time.perf_counter()
        row["seconds"] = spread(times)
        if on_gpu:
            row["peak_bytes"] = torch.cuda.max_memory_reserved() - held
    except torch.OutOfMemoryError as error:
        row["skipped"] = str(error).splitlines()[0]
    return row


def _jax(configs: list[RunConfig], data: Dataset, repetitions: int) -> dict[str, Any] | None:
    try:
        _, seconds = jax_vmap(configs, data, repetitions)
    except ImportError:
        return None
    return spread([time / len(configs) for time in seconds])


def table(result: dict[str, Any]) -> str:
    heads = ["members", "s per member-epoch", JAX, "MB per member, predicted"]
    if any("peak_bytes" in row for row in result["rows"]):  # on a CPU, tests do it
        heads.append("measured")
    lines = [
        header(result["machine"]),
        f"784-128-128-128-128-10, tanh, Adam, batch {result['batch_size']}, on the "
        f"{'GPU' if result['device'] == 'cuda' else 'CPU, one process, one thread'}",
        "",
        f"| {' | '.join(heads)} |",
        "|" + "---|" * len(heads),
    ]
    for row in result["rows"]:
        count = row["members"]
        if "seconds" in row:
            jax = shown(row[JAX], 3) if row.get(JAX) else ""
            sizes = [row.get("predicted_bytes"), row.get("peak_bytes")][: len(heads) - 3]
            memory = [f"{size / count / 1e6:.2f}" if size else "" for size in sizes]
            cells = [f"{count}", shown(row["seconds"], 4), jax, *memory]
        else:
            cells = [f"{count}", row["skipped"], *[""] * (len(heads) - 2)]
        lines.append(f"| {' | '.join(cells)} |")
    if LOOP in result:
        lines.append(f"\n{LOOP}, one thread: {shown(result[LOOP], 3)} s per epoch")
    return "\n".join(lines)


def figure(result: dict[str, Any], path: str) -> None:
    """Draw the time of a member's epoch against the size of the stack."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    rows = [row for row in result["rows"] if "seconds" in row]
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
