"""Keeps README.md true to what the demonstration really prints: readme.py write | check.

`write` runs the demonstration, keeps what it measured in `result.json` beside this file, and writes the marked
blocks of README.md from it. `check` runs it once more: README.md must be what `result.json` says, and the new run
must tell the same story. Digits and generated texts are compared where the processor is of the same kind; another
kind adds floating-point numbers in another order, so that there only the shape is compared.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from demo import prepare, run_steps
from story import failures, sample_table, tell

from emogen.errors import CheckFailedError
from emogen.terminal import run_app

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
RESULT = HERE / "result.json"
SHOWN = "astronaut"
app = typer.Typer(add_completion=False, no_args_is_help=True)


def blocks(result: dict[str, Any]) -> dict[str, str]:
    """Return block name → Markdown."""
    return {
        "sample": sample_table(result, SHOWN),
        "story": f"```text\n{tell(result)}\n```",
        "rejected": _rejected(result),
        "scores": _scores(result),
    }


def _rejected(result: dict[str, Any]) -> str:
    lines = []
    for rejection in result["rejections"]:
        answer = " ".join((rejection["raw_answer"] or "").split())
        lines.append(
            f"- `{rejection['record_id']}/{rejection['instruction']}`, **{rejection['reason']}**: "
            f"{rejection['detail']}\n\n  > {answer}"
        )
    return "\n".join(lines) or "None this time."


def _scores(result: dict[str, Any]) -> str:
    names = {
        "memorised": "photographs that it was tuned on (memorised)",
        "held-out test": "held-out photographs",
    }
    rows = ["| | n | untuned | tuned | majority |", "|---|---|---|---|---|"]
    for group, score in result["tuned"]["splits"].items():
        before = result["untuned"]["splits"][group]
        rows.append(
            f"| {names.get(group, group)} | {score['n']} | {before['accuracy_sum']:.2f} | "
            f"{score['accuracy_sum']:.2f} | {score['majority']:.2f} |"
        )
    return "\n".join(rows)


def rendered(text: str, result: dict[str, Any]) -> str:
    """Return README's text with every marked block written anew.

    Raises:
        CheckFailedError: a block has no place in README.
    """
    for name, block in blocks(result).items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise CheckFailedError(f"no place marked <!-- {name} -->", where=README)
        text = pattern.sub(lambda found, block=block: f"{found[1]}{block}\n{found[2]}", text)
    return text


def slim(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result without what differs from run to run and says nothing: folders, times, latencies."""
    kept = orjson.loads(orjson.dumps(result))
    for row in [*kept["samples"], *kept["rejections"]]:
        if row["provenance"]:
            row["provenance"].pop("latency_s")
            # A result of an earlier version has none.
            row["provenance"].pop("answered_at", None)
    kept["run"].pop("created")
    for scores in (kept["tuned"], kept["untuned"]):
        del scores["predictor"]
    return kept


def told(result: dict[str, Any], *, exact: bool) -> str:
    """Return the story as it must be told again; without `exact`, the same with digits and texts left out."""
    text = tell(result)
    if exact:
        return text
    lines = [
        line
        for line in text.splitlines()
        if not re.match(r"    (Q|A|before|after)|  \S+/\S+: |REJECTED|KEPT", line)
    ]
    return re.sub(r"\d+(\.\d+)?", "#", "\n".join(lines))


def fresh_result() -> dict[str, Any]:
    """Run the demonstration in a temporary folder, and return what it measured.

    Raises:
        CheckFailedError: it did not work.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        prepare(out)
        result = run_steps(out)
    wrong = failures(result)
    if wrong:
        raise CheckFailedError("; ".join(wrong), where="demonstration")
    return slim(result)


@app.command()
def write() -> None:
    """Run the demonstration and write README's blocks from it."""
    result = fresh_result()
    # First of all: what took minutes is not lost where README has no place for it.
    RESULT.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
    README.write_text(rendered(README.read_text(encoding="utf-8"), result), encoding="utf-8")
    typer.echo(f"wrote {RESULT.name} and {README.name}")


@app.command()
def check(
    rerun: Annotated[bool, typer.Option(help="Run the demonstration again, too.")] = True,
) -> None:
    """Compare README with result.json, and result.json with a new run."""
    kept = orjson.loads(RESULT.read_bytes())
    text = README.read_text(encoding="utf-8")
    if rendered(text, kept) != text:
        raise CheckFailedError("is not what result.json says", where=README, remedy="Run: make readme")
    if not rerun:
        return
    new = fresh_result()
    exact = new["machine"] == kept["machine"]
    if told(new, exact=exact) != told(kept, exact=exact):
        before, after = told(kept, exact=exact).splitlines(), told(new, exact=exact).splitlines()
        changed = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
        raise CheckFailedError(
            f"the demonstration tells another story now: {shlex.quote(str(changed[:1]))}",
            where=README,
            remedy="If that is meant, run: make readme",
        )
    typer.echo(
        "README.md tells what the demonstration does" + ("" if exact else " (another processor: its shape)")
    )


if __name__ == "__main__":
    run_app(app)
