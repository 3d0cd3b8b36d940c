"""What was measured on a GPU, as tables."""

from __future__ import annotations

from typing import Any

from benchmarks import members
from benchmarks.machine import header

STUDIES = {"s1": "study S1", "s2": "study S2's CNNs"}


def table(result: dict[str, Any]) -> str:
    """All parts that were measured, and why the others were not."""
    lines = [header(result["machine"]), f"all of it took {result.get('seconds', 0):.0f} s", ""]
    ways = result.get("ways", {})
    if "gemm_flops" in ways:
        lines[1:2] = [
            f"float32 matrix product {ways['gemm_flops'] / 1e12:.1f} TFLOP/s, memory "
            f"{ways['bandwidth'] / 1e12:.2f} TB/s; {lines[1]}"
        ]
    if "fastest" in ways:
        from benchmarks import gpu_ways

        lines += gpu_ways.lines(ways)
    elif "failed" in ways:
        lines += [f"The ways to train: {ways['failed']}", ""]
    lines += [
        "| what | points | seconds | run-epochs per s | peak memory |",
        "|---|---|---|---|---|",
    ]
    for key, name in STUDIES.items():
        lines += _study(name, result.get(key, {"failed": "not measured"}))
    lines += _grid(result)
    lines += [
        f"| {key} was cut off: {result[key]['cut_off']} | | | | |"
        for key in (*STUDIES, "grid", "members", "ways")
        if "cut_off" in result.get(key, {})
    ]
    lines += [
        "",
        "Peers' convolutions may round to TF32, PyTorch's default on a GPU; dlsweep's do not.",
    ]
    told = [line for key in ("s1", "grid") for line in result.get(key, {}).get("told", [])]
    lines += ["", *(f"told: {line}" for line in told[:24])]
    grown = result.get("members", {})
    if "rows" in grown:
        lines += ["", members.table(grown)]
    elif "failed" in grown:
        lines += ["", f"Stacks that grow: {grown['failed']}"]
    return "\n".join(lines)


def _study(name: str, part: dict[str, Any]) -> list[str]:
    if "failed" in part:
        return [f"| {name} | | {part['failed']} | | |"]
    how = "" if part["complete"] else " (extrapolated)"
    lines = [
        f"| {name} | {part['points']} | {part['seconds']:.1f}{how} "
        f"| {part['run_epochs_per_second']:.1f} | {part['peak_bytes'] / 1e9:.1f} GB |"
    ]
    for peer, told in part["peers"].items():
        if "missing" in told:
            lines.append(f"| {name}: {peer} | | {told['missing']} | | |")
            continue
        per = told["seconds"]["median"]
        lines.append(
            f"| {name}: {peer} | {told['points']} | {per:.2f} each epoch | {1 / per:.2f} "
            f"| dlsweep is faster by {told['ratio']:.1f} × |"
        )
    return lines


def _grid(result: dict[str, Any]) -> list[str]:
    part = result.get("grid")
    if part is None:
        return []
    if "failed" in part:
        return [f"| S1's whole grid | | {part['failed']} | | |"]
    how = "" if part["trained"] and part["complete"] else " (extrapolated)"
    rate = part["run_epochs"] / part["took" if part["trained"] else "seconds"]
    lines = [
        f"| S1's whole grid | {part['points']} | {part['seconds']:.0f}{how} | {rate:.1f} | |",
    ]
    for peer, told in result.get("s1", {}).get("peers", {}).items():
        if "seconds" in told:
            times = told["seconds"]["median"] * rate
            lines.append(f"| S1's whole grid: {peer} | | | | dlsweep is faster by {times:.1f} × |")
    return lines
