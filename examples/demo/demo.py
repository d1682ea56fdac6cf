"""From photographs to a tuned and scored Q-Former: demo.py --out runs/demo.

Runs the real commands, one after the other, prints what they print, and then tells what came of it. It ends with
exit code 0 only if the loss fell, the frozen tensors are unchanged and the reloaded checkpoint answers as before.
What was measured goes to `demo.json` in the output folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from story import failures, tell

from emogen.errors import CheckFailedError, InputError
from emogen.store import read_manifest, read_rejections, read_samples
from emogen.terminal import run_app

HERE = Path(__file__).resolve().parent
RESULT = "demo.json"
app = typer.Typer(add_completion=False)


class Steps:
    """Runs commands beside this interpreter, echoes them, and keeps what they printed and how long they took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def run(self, name: str, *command: str | Path) -> str:
        """Run one command; its stdout is shown and returned, its progress goes to the terminal.

        Raises:
            CheckFailedError: it failed; it has said why.
        """
        shown = " ".join(str(part) if " " not in str(part) else f'"{part}"' for part in command)
        typer.echo(f"\n$ {shown}")
        program, *arguments = map(str, command)
        found = Path(sys.executable).with_name(program)
        begin = time.monotonic()
        done = subprocess.run(
            [str(found if found.exists() else program), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - begin, 1)
        typer.echo(done.stdout, nl=False)
        if done.returncode:
            raise CheckFailedError(
                f"the demonstration stopped: {shown} ended with exit code {done.returncode}"
            )
        return done.stdout


def prepare(out: Path) -> None:
    """Empty the output folder, if it is one of ours.

    Raises:
        InputError: it holds something else.
    """
    if out.exists() and any(out.iterdir()):
        if not (out / RESULT).is_file():
            raise InputError(
                "holds something that is not a demonstration", where=out, remedy="Name another --out."
            )
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / RESULT).write_text("{}\n", encoding="utf-8")


def run_steps(out: Path) -> dict[str, Any]:
    """Run every command and return what was measured."""
    steps = Steps()
    photographs, records, run, tuned = out / "photographs", out / "records.jsonl", out / "run", out / "tuned"
    steps.run("photographs", "python", HERE / "photographs.py", photographs)
    steps.run("describe", "emogen", "describe", photographs, "--out", records)
    steps.run("generate", "emogen", "generate", records, "--backend", "embedded", "--out", run)
    steps.run("export", "emogen", "export", run, "--format", "llava", "--out", out / "llava.json")
    steps.run("train", "emovit_train", "train", run, "--model", "nano", "--out", tuned)
    steps.run("evaluate untuned", "emovit_train", "evaluate", records, "--checkpoint", tuned, "--untuned")
    steps.run("evaluate", "emovit_train", "evaluate", records, "--checkpoint", tuned)
    train = orjson.loads((tuned / "train.json").read_bytes())
    reloaded: dict[str, str] = {}
    for question in dict.fromkeys(answer["question"] for answer in train["answers"]):
        asked = [answer["image"] for answer in train["answers"] if answer["question"] == question]
        shown = [photographs / name for name in asked]
        said = steps.run(
            "predict", "emovit_train", "predict", *shown, "--checkpoint", tuned, "--ask", question
        )
        reloaded.update(zip(asked, _answers(said, shown), strict=True))
    return {
        "records": [orjson.loads(line) for line in records.read_bytes().splitlines()],
        "samples": [sample.model_dump(mode="json") for sample in _sorted(read_samples(run))],
        "rejections": [rejection.model_dump(mode="json") for rejection in _sorted(read_rejections(run))],
        "run": read_manifest(run),
        "train": train,
        "untuned": orjson.loads((tuned / "evaluation-untuned" / "evaluation.json").read_bytes()),
        "tuned": orjson.loads((tuned / "evaluation" / "evaluation.json").read_bytes()),
        "reloaded": reloaded,
        "seconds": steps.seconds,
        "machine": _machine(),
    }


def _answers(said: str, photographs: list[Path]) -> list[str]:
    """Return what `predict` printed about each photograph; an answer may have several lines."""
    text = "\n" + said
    starts = [text.index(f"\n{photograph}: ") for photograph in photographs]
    parts = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    return [part.partition(": ")[2].rstrip("\n") for part in parts]


def _sorted(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: row.model_dump_json())


def _machine() -> dict[str, str]:
    """Return what decides whether two machines compute the same digits."""
    import platform

    import torch

    return {"processor": platform.machine(), "vectors": torch.backends.cpu.get_cpu_capability()}


@app.command()
def main(out: Annotated[Path, typer.Option("--out", help="Folder for everything that is made.")]) -> None:
    """Run the demonstration."""
    prepare(out)
    result = run_steps(out)
    (out / RESULT).write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
    typer.echo("")
    typer.echo(tell(result))
    wrong = failures(result)
    if wrong:
        raise CheckFailedError("; ".join(wrong), where="demonstration")


if __name__ == "__main__":
    run_app(app)
