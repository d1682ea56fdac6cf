"""Measures what ranking all labels of WEBEmo costs beside one forward pass over the prompt.

It writes results.json and results.md.

python -m benchmarks.ranking.measure

`prompt`    the Q-Former and transformers' forward over the prompt
`least`     the same with logits at the prompt's end alone, the least that predicts a word
`ranking`   all labels ranked, as `emovit_train evaluate` and `predict --labels` do
`rows`      each label's answer as a row of its own behind the prompt, all rows in one batch
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from benchmarks.generation.machine import machine
from benchmarks.result_files import write_results

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.model import Assembly

HERE: Final = Path(__file__).resolve().parent
TARGET: Final = 1.5
LABELS: Final = "webemo-25"
INSTRUCTION: Final = "paper-1"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def run(
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Times that each is measured.")] = 9,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Of the CPU.")] = 1,
    out: Annotated[Path, typer.Option("--out", help="Folder of results.json and results.md.")] = HERE,
) -> None:
    """Measure with the model nano, and write the result."""
    import torch

    from emogen.labels import LABEL_SETS
    from emogen.protocol import categorical_answer, evaluation_instruction
    from emovit_train.models import MODELS, ModelSpec

    torch.set_num_threads(threads)
    about = machine(HERE)
    model = MODELS.get("nano").assemble(ModelSpec("nano", frozen_dtype="float32"))
    labels = LABEL_SETS[LABELS]
    result = {
        "machine": {**about, "packages": {name: version(name) for name in ("torch", "transformers")}},
        "model": "nano",
        "threads": threads,
        "repeats": repeats,
        **measured(
            model,
            evaluation_instruction(INSTRUCTION, labels),
            [categorical_answer(label) for label in labels],
            repeats,
        ),
    }
    typer.echo(write_results(out, result, markdown))


def ways(
    model: Assembly, features: Tensor, question: str, candidates: Sequence[str]
) -> dict[str, Callable[[], Tensor]]:
    """Return the ways of this file's head; the last two return the candidates' sums of log p: (1, candidates)."""
    import torch

    from emovit_train.predict import rank
    from emovit_train.text import collate

    codec = model.codec
    language: Any = model.language_model
    batch = collate([codec.encode_question(question)], codec).to(model.device)
    texts = [codec.encode(question, candidate) for candidate in candidates]

    def prompt(**told: Any) -> Tensor:
        embeddings, mask = model.language.read(  # type: ignore[attr-defined]  # of decoder-only models
            model.look(features, batch), batch.prompt_ids, batch.prompt_mask
        )
        logits: Tensor = language(
            inputs_embeds=embeddings, attention_mask=mask, use_cache=False, **told
        ).logits
        return logits

    def ranking() -> Tensor:
        (scores,) = rank(model, features, [question], candidates)
        return torch.tensor([[each.log_prob_sum for each in scores]])

    def rows() -> Tensor:
        together = collate(texts, codec).to(model.device)
        losses = model(features.expand(len(texts), -1, -1), together)
        return -torch.stack([each.sum() for each in losses.split([len(text.answer) for text in texts])])[None]

    return {"prompt": prompt, "least": lambda: prompt(logits_to_keep=1), "ranking": ranking, "rows": rows}


def measured(model: Assembly, question: str, candidates: Sequence[str], repeats: int) -> dict[str, Any]:
    """Return the seconds of each way, measured in turn, each run of a way followed by one of the next."""
    import torch

    model.eval()
    size = model.preprocessing.size
    features = model.encode_images(torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0)))
    seconds: dict[str, list[float]] = {}
    with torch.no_grad():
        timed = ways(model, features, question, candidates)
        apart = float((timed["ranking"]() - timed["rows"]()).abs().max())
        for repeat in range(repeats + 1):
            for name, way in timed.items():
                begin_s = time.perf_counter()
                way()
                # The first of each warms up.
                if repeat:
                    seconds.setdefault(name, []).append(time.perf_counter() - begin_s)
    codec = model.codec
    return {
        "candidates": len(candidates),
        "prompt_tokens": len(codec.encode_question(question).prompt),
        "answer_tokens": sum(len(codec.encode("", each).answer) for each in candidates),
        "largest_difference": apart,
        "seconds": {name: round(statistics.median(each), 4) for name, each in seconds.items()},
        "ratios": {
            # By the runs that stand beside each other: what else the machine did then, both met.
            name: round(statistics.median(a / b for a, b in zip(each, seconds["prompt"], strict=True)), 3)
            for name, each in seconds.items()
        },
    }


_MEANING: Final = {
    "prompt": "Q-Former and transformers' forward over the prompt",
    "least": "the same, logits at the prompt's end alone",
    "ranking": "all labels ranked",
    "rows": "each label's answer in a row of its own, one batch",
}


def markdown(result: dict[str, Any]) -> str:
    """Return the result as `results.md` has it."""
    ratio, about = result["ratios"]["ranking"], result["machine"]
    lines = "\n".join(
        f"| {meaning} | {result['seconds'][name]:.3f} | {result['ratios'][name]:.2f} x |"
        for name, meaning in _MEANING.items()
    )
    return (
        "# Ranking, measured\n\n"
        "Written by `make bench-ranking`; what each line means is in [the benchmarks' README](../README.md).\n\n"
        f"Ranking {result['candidates']} labels costs {ratio:.2f} times one forward pass over the prompt "
        f"(at most {TARGET}): {'met' if ratio <= TARGET else '**missed**'}. Against a forward pass that turns the "
        f"prompt's end alone into logits it is {ratio / result['ratios']['least']:.2f} times.\n\n"
        f"| | seconds | beside the forward pass |\n|---|---|---|\n{lines}\n\n"
        f"Model {result['model']} in float32, {result['threads']} threads, {result['prompt_tokens']} tokens of prompt "
        f"and {result['answer_tokens']} of answers; medians of {result['repeats']} runs in turn. The sums of "
        f"log-probabilities differ from those of single rows by at most {result['largest_difference']:.0e}.\n\n"
        f"{about['cpu']}, {about['cores']} cores, load {about['load_before']} before; torch "
        f"{about['packages']['torch']}, transformers {about['packages']['transformers']}; {about['date']}, revision "
        f"{about['revision']}.\n"
    )


if __name__ == "__main__":
    app()
