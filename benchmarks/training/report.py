"""The result as tables."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.training.arithmetic import PEAK_TFLOPS

__all__ = ["markdown"]

# The paper's run: 51,200 images' rows, four times over.
PAPER_ROWS: Final = 51_200 * 4
ON_A_GPU: Final = ("vicuna-7b-cuda", "flan-t5-xl-cuda")


def markdown(result: dict[str, Any]) -> str:
    """Return `results.md`."""
    parts = result["parts"]
    missing = [name.removesuffix("-cuda") for name in ON_A_GPU if name not in parts]
    without = (
        f"**Not measured: {' and '.join(missing)} on a GPU**, for want of one. "
        "`make bench-training-gpu` measures them.\n\n"
        if missing
        else ""
    )
    return (
        "# Tuning, measured\n\n"
        "Written by `make bench-training`; what each line means is in [the benchmarks' README](../README.md).\n"
        "Seconds hold for one machine at one moment; the arms of a table ran alternately in one process.\n\n"
        + without
        + "\n".join(_part(name, part) for name, part in parts.items())
    )


def _part(name: str, part: dict[str, Any]) -> str:
    arms, about, told = part["arms"], part["machine"], part["settings"]
    plain = arms.get("plain", next(iter(arms.values())))
    peak = next((tflops for gpu, tflops in PEAK_TFLOPS.items() if gpu in about["device"]), None)
    head = "| arm | rows/s | beside plain | useful positions | loss per token | peak memory |"
    head += (
        " MFU | the paper's run |\n|---|---|---|---|---|---|---|---|\n"
        if peak
        else "\n|---|---|---|---|---|---|\n"
    )
    lines = []
    for arm, found in arms.items():
        line = (
            f"| {arm} | {found['rows_per_s']} | {found['rows_per_s'] / plain['rows_per_s']:.2f} x "
            f"| {found['useful_share']:.0%} | {found['loss']:.4f} | {found['peak_mb']:,.0f} MB |"
        )
        if peak:
            line += f" {found['tflops'] / peak:.0%} | {PAPER_ROWS / found['rows_per_s'] / 3600:.1f} h |"
        lines.append(line)
    total = sum(part["work"].values())
    shares = ", ".join(f"{stage} {work / total:.0%}" for stage, work in part["work"].items())
    limit = (
        f"At the peak of {peak:.0f} TFLOP/s the rows would take {total / peak / 1e12:.2f} s, and the paper's run "
        f"{total / part['rows'] * PAPER_ROWS / peak / 1e12 / 3600:.2f} h.\n"
        if peak
        else ""
    )
    return (
        f"## {name}\n\n{part['parameters'] / 1e6:,.1f} million parameters, {part['rows']} rows of "
        f"{told['images']} images, {told['batch_rows']} rows a batch, frozen parts in {told['dtype']}, "
        f"{told['threads']} threads.\n\n{head}" + "\n".join(lines) + "\n\n"
        f"Arithmetic of one pass: {total / 1e12:.2f} TFLOP ({shares}). {limit}\n"
        f"{about['device']}; {about['cpu']}, {about['cores']} cores; torch {about['packages']['torch']}, "
        f"transformers {about['packages']['transformers']}; {about['date']}, revision {about['revision']}.\n"
    )
