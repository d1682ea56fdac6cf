"""Tells what came of the demonstration, from what was measured: for the terminal and for README.md."""

from __future__ import annotations

from typing import Any

__all__ = ["failures", "sample_table", "tell"]

WIDTH = 100
SHOWN = "astronaut"


def failures(result: dict[str, Any]) -> list[str]:
    """Return what keeps the demonstration from having worked; empty if nothing does."""
    train = result["train"]
    wrong = []
    if not train["loss_end"] < train["loss_start"]:
        wrong.append(f"the loss did not fall ({train['loss_start']:.3f} to {train['loss_end']:.3f})")
    if train["frozen_sha256_before"] != train["frozen_sha256_after"]:
        wrong.append("a frozen tensor changed")
    for answer in train["answers"]:
        if result["reloaded"][answer["image"]] != answer["after"]:
            wrong.append(f"the reloaded checkpoint answers otherwise about {answer['image']}")
    return wrong


def tell(result: dict[str, Any]) -> str:
    """Return the story as text."""
    return "\n\n".join(
        [_photograph(result), _kept(result), _losses(result), _answers(result), _scores(result)]
    )


def _photograph(result: dict[str, Any]) -> str:
    record = next(record for record in result["records"] if record["id"] == SHOWN)
    attributes = ", ".join(f"{name} {_value(value)}" for name, value in record["attributes"].items() if value)
    lines = [
        "ONE PHOTOGRAPH, THREE KINDS OF INSTRUCTION",
        f"{record['image']}: {record['caption']}",
        f"label: {record['emotion']}; {attributes}",
    ]
    for kind, question, answer in turns_of(result, SHOWN):
        lines += [f"  [{kind}]", f"    Q {question}", f"    A {answer}"]
    return "\n".join(lines)


def turns_of(result: dict[str, Any], record_id: str) -> list[tuple[str, str, str]]:
    """Return kind, question and answer of every kept turn of a record, in the paper's order."""
    order = ["categorical", "conversation", "reasoning"]
    samples = [sample for sample in result["samples"] if sample["record"]["id"] == record_id]
    samples.sort(key=lambda sample: order.index(sample["instruction"]))
    return [
        (
            turn["kind"] if sample["instruction"] != "conversation" else f"conversation, {turn['kind']}",
            turn["question"],
            turn["answer"],
        )
        for sample in samples
        for turn in sample["turns"]
    ]


def _value(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _kept(result: dict[str, Any]) -> str:
    counts = result["run"]["counts"]
    kept = ", ".join(f"{name} {count}" for name, count in counts["kept"].items())
    rejected = ", ".join(f"{name} {count}" for name, count in counts["rejected"].items()) or "none"
    lines = [f"KEPT {kept}", f"REJECTED {rejected}"]
    for rejection in result["rejections"][:2]:
        lines.append(f"  {rejection['record_id']}/{rejection['instruction']}: {rejection['detail']}")
    return "\n".join(lines)


def _losses(result: dict[str, Any]) -> str:
    train = result["train"]
    return "\n".join(
        [
            f"LOSS, {train['rows']} rows about {train['images']} photographs, {train['steps']} steps, "
            f"{train['trained_parameters'] / 1e6:.1f} million trained numbers",
            f"  training rows   {train['loss_start']:.2f} → {train['loss_end']:.2f}",
            f"  held-out rows   {train['held_out_loss_start']:.2f} → {train['held_out_loss_end']:.2f}",
            "  frozen image encoder and language model: unchanged",
        ]
    )


def _answers(result: dict[str, Any]) -> str:
    lines = ["ANSWERS, before → after tuning"]
    for answer in result["train"]["answers"]:
        place = "held out" if answer["held_out"] else "trained on"
        lines += [
            f"  {answer['image']} ({place}, labelled {answer['emotion']})",
            f"    before  {_short(answer['before'])}",
            f"    after   {_short(answer['after'])}",
        ]
    lines.append("  the reloaded checkpoint gives the same answers")
    return "\n".join(lines)


def _short(text: str) -> str:
    line = " ".join(text.split()) or "(nothing)"
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def _scores(result: dict[str, Any]) -> str:
    lines = ["LABELS RANKED RIGHT"]
    for group, score in result["tuned"]["splits"].items():
        before = result["untuned"]["splits"][group]
        lines.append(
            f"  {group:<14} {round(score['accuracy_sum'] * score['n'])} of {score['n']}"
            f"   (before tuning {round(before['accuracy_sum'] * before['n'])})"
        )
    lines.append("This proves the machinery, not the method: so few photographs can be learnt by heart.")
    return "\n".join(lines)


def sample_table(result: dict[str, Any], record_id: str) -> str:
    """Return the kept turns of one record as a Markdown table."""
    rows = [
        f"| {kind} | {_cell(question)} | {_cell(answer)} |"
        for kind, question, answer in turns_of(result, record_id)
    ]
    return "\n".join(["| kind | question | answer |", "|---|---|---|", *rows])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
