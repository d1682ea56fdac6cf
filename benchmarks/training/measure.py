"""Measures tuning beside transformers' plain forward, alternately in one process, and writes the result files.

python -m benchmarks.training.measure run --shape small
python -m benchmarks.training.measure run --shape vicuna-7b --dtype bfloat16       # on a GPU
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from benchmarks.generation.machine import machine
from benchmarks.result_files import write_part

if TYPE_CHECKING:
    import torch

HERE: Final = Path(__file__).resolve().parent
app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
Out = Annotated[Path, typer.Option("--out", help="Folder of results.json and results.md.")]
Shape = Annotated[str, typer.Option("--shape", help="tiny, tiny-t5, small, vicuna-7b or flan-t5-xl.")]
Images = Annotated[int, typer.Option("--images", min=2, help="Images; each has a row of each type.")]
Rows = Annotated[int, typer.Option("--batch-rows", min=1, help="Rows of a batch.")]
Dtype = Annotated[str, typer.Option("--dtype", help="Number format of the frozen parts.")]


@app.command()
def run(
    shape: Shape = "small",
    arms: Annotated[str, typer.Option("--arms", help="Comma-separated.")] = "plain,single,ours",
    images: Images = 16,
    batch_rows: Rows = 8,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Passes of each arm.")] = 3,
    dtype: Dtype = "float32",
    threads: Annotated[int, typer.Option("--threads", min=1, help="Of the CPU.")] = 1,
    out: Out = HERE,
) -> None:
    """Time all arms alternately, then each one's peak memory in a process of its own."""
    import torch

    torch.set_num_threads(threads)
    names = arms.split(",")
    result = _measured(shape, names, images, batch_rows, repeats, dtype)
    result["settings"] = {
        "images": images,
        "batch_rows": batch_rows,
        "repeats": repeats,
        "dtype": dtype,
        "threads": threads,
    }
    if not torch.cuda.is_available():
        for name in names:
            result["arms"][name]["peak_mb"] = _peak_in_child(shape, name, images, batch_rows, dtype, threads)
    _write(out, f"{shape}-{_device().type}", result)


@app.command()
def peak(shape: Shape, arm: str, images: Images, batch_rows: Rows, dtype: Dtype, threads: int) -> None:
    """Print the peak resident memory of one pass of one arm, in megabytes."""
    import torch

    torch.set_num_threads(threads)
    _measured(shape, [arm], images, batch_rows, 1, dtype)
    # Not getrusage's figure, which begins with what the process had that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    typer.echo(int(status["VmHWM"].split()[0]) / 1024)


def _peak_in_child(shape: str, arm: str, images: int, batch_rows: int, dtype: str, threads: int) -> float:
    options = ["--shape", shape, "--images", images, "--batch-rows", batch_rows, "--dtype", dtype]
    command = [
        sys.executable,
        "-m",
        "benchmarks.training.measure",
        "peak",
        *map(str, options),
        arm,
        str(threads),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return round(float(done.stdout.split()[-1]))


def _device() -> torch.device:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _measured(
    shape: str, names: list[str], images: int, batch_rows: int, repeats: int, dtype: str
) -> dict[str, Any]:
    import torch

    from benchmarks.training.arithmetic import work_of
    from benchmarks.training.arms import ARMS
    from benchmarks.training.rows import make_data
    from benchmarks.training.shapes import SHAPES, assembly, plain_model
    from emovit_train.optimizer import adamw

    device = _device()
    model = plain_model(SHAPES[shape], device, getattr(torch, dtype))
    ours = assembly(model, SHAPES[shape])
    config = model.config
    data = make_data(
        images,
        config.vision_config.image_size,
        config.text_config.vocab_size,
        config.qformer_config.vocab_size,
    )
    # Both step over their own tensors, with a learning rate of nothing: the work is done, and losses stay comparable.
    shared = {id(parameter): parameter for parameter in (*model.parameters(), *ours.parameters())}
    optimizer = adamw([each for each in shared.values() if each.requires_grad], 0.0, 0.0)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    # The first pass of each warms up, unless it is the only one.
    warming = int(repeats > 1)
    for repeat in range(repeats + warming):
        for name in names:
            entry = _timed(partial(ARMS[name], model, ours, data, optimizer, batch_rows, repeat))
            if repeat >= warming:
                found[name].append(entry)
    seconds = {name: statistics.median(entry["seconds"] for entry in found[name]) for name in names}
    work = work_of(model, data)
    return {
        "machine": {
            **machine(HERE),
            "packages": {name: version(name) for name in ("torch", "transformers")},
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        },
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "rows": len(data.rows),
        "work": {"encoder": work.encoder, "qformer": work.qformer, "language": work.language},
        "arms": {
            name: {
                **found[name][-1],
                "seconds": round(seconds[name], 3),
                "rows_per_s": round(len(data.rows) / seconds[name], 2),
                "tflops": round(work.total / seconds[name] / 1e12, 3),
            }
            for name in names
        },
    }


def _timed(one_pass: Any) -> dict[str, Any]:
    import torch

    gc.collect()
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    begin_s = time.perf_counter()
    done = one_pass()
    if on_gpu:
        torch.cuda.synchronize()
    entry = {
        "seconds": time.perf_counter() - begin_s,
        "loss": round(done.loss / done.tokens, 6),
        "useful_share": round(done.useful / done.positions, 4),
        "steps": done.steps,
    }
    return {**entry, "peak_mb": round(torch.cuda.max_memory_allocated() / 2**20)} if on_gpu else entry


def _write(out: Path, name: str, found: dict[str, Any]) -> None:
    from benchmarks.training.report import markdown

    typer.echo(write_part(out, name, found, markdown))


if __name__ == "__main__":
    app()
