"""What a model that sees is asked about an image, and how its answer is read: only values that EmoSet has are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from emogen.errors import shorten
from emogen.instructions.answer_json import load_json, well_formed
from emogen.perception.vocabularies import value_set
from emogen.schemas import ImageInput, ImageRecord, Message, Prompt

__all__ = ["INSTRUCTION", "Reading", "corrected", "question", "read_answer"]

INSTRUCTION: Final = "describe"
NONE: Final = "none"
MAX_OBJECTS: Final = 3

CAPTION_TASK: Final = "one sentence of at most 30 words that says what can be seen, without naming an emotion"
_TASKS: Final = {
    "scene": "where it is",
    "object": f"the most prominent things in it, at most {MAX_OBJECTS}, in a list",
    "facial_expression": "the expression of the main face",
    "human_action": "what the main person does",
    "emotion": "what most people would feel when they look at the image",
}
_ROLE: Final = (
    "You describe images for a data set. Say only what can be seen in the image. Answer with one JSON object and "
    f'nothing else. Where none of the values of a field fits, its value is "{NONE}"; an empty list where it is a list.'
)


@dataclass(frozen=True)
class Reading:
    """What an answer says.

    Attributes:
        finding: The fields whose values can be used.
        problems: What is wrong with the others, to be told to the model.
    """

    finding: dict[str, Any]
    problems: tuple[str, ...]


def question(
    record: ImageRecord,
    fields: Sequence[str],
    image: ImageInput,
    caption_task: str = CAPTION_TASK,
) -> Prompt:
    """Return the request for the fields of one record.

    Args:
        record: Its labels are the emotions that can be chosen.
        fields: Which fields are asked for.
        image: What is shown.
        caption_task: What the caption is to be.
    """
    lines = [_ROLE, "", "The fields:"]
    if "caption" in fields:
        lines.append(f"- caption: {caption_task}")
    for field in _choices(fields):
        lines.append(f"- {field}: {_TASKS[field]}; one of: {', '.join(_values(record, field))}")
    return Prompt(
        record_id=record.id,
        instruction=INSTRUCTION,
        messages=(
            Message(role="system", content="\n".join(lines)),
            Message(role="user", content="Describe this image.", images=(image,)),
        ),
        answer_schema=_schema(record, fields),
    )


def corrected(prompt: Prompt, answer: str, problems: Sequence[str]) -> Prompt:
    """Return the request again, with the answer that cannot be used and what is wrong with it."""
    complaint = f"This cannot be used: {'; '.join(problems)}. Answer again, with the whole JSON object."
    told = (Message(role="assistant", content=answer or "(nothing)"), Message(role="user", content=complaint))
    return prompt.model_copy(update={"messages": (*prompt.messages, *told)})


def read_answer(text: str, record: ImageRecord, fields: Sequence[str]) -> Reading:
    """Read the wanted fields of an answer; values are known by their words, whatever their case."""
    said = load_json(text)
    if not isinstance(said, dict):
        return Reading({}, ("it is no JSON object",))
    finding: dict[str, Any] = {}
    problems = []
    for field in fields:
        if field not in said:
            problems.append(f"{field} is missing")
            continue
        value, problem = _caption(said[field]) if field == "caption" else _chosen(record, field, said[field])
        if value:
            finding[field] = value
        if problem:
            problems.append(problem)
    return Reading(finding, tuple(problems))


def _caption(value: object) -> tuple[str | None, str | None]:
    if isinstance(value, str) and (text := " ".join(well_formed(value).split())):
        return text, None
    return None, "caption is not a sentence"


def _chosen(record: ImageRecord, field: str, value: object) -> tuple[Any, str | None]:
    names = value if isinstance(value, list) else [value]
    texts = [name for name in names if isinstance(name, str)]
    if any(name is not None and not isinstance(name, str) for name in names):
        return None, f"{field} is not text"
    spelled = {_plain(name): name for name in _values(record, field)}
    wanted = [name for name in texts if _plain(name) not in ("", NONE)]
    unknown = [name for name in wanted if _plain(name) not in spelled]
    chosen = list(dict.fromkeys(spelled[_plain(name)] for name in wanted if _plain(name) in spelled))
    most = MAX_OBJECTS if field == "object" else 1
    problem = None
    if unknown:
        problem = f"{shorten(unknown[0])!r} is none of the values of {field}"
    elif len(chosen) > most:
        problem = f"{field} has more than {most} value{'s' if most > 1 else ''}"
    return (chosen[:most] if field == "object" else next(iter(chosen), None)), problem


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def _values(record: ImageRecord, field: str) -> tuple[str, ...]:
    return record.labels if field == "emotion" else value_set(field)


def _choices(fields: Sequence[str]) -> list[str]:
    return [field for field in _TASKS if field in fields]


def _schema(record: ImageRecord, fields: Sequence[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {"caption": {"type": "string"}} if "caption" in fields else {}
    for field in _choices(fields):
        values = list(_values(record, field))
        if field == "object":
            one = {"type": "string", "enum": values}
            properties[field] = {"type": "array", "items": one, "maxItems": MAX_OBJECTS}
        else:
            properties[field] = {"type": "string", "enum": [*values, NONE]}
    return {"type": "object", "properties": properties}
