"""Requests as rows of Ray's vLLM processor, and its rows as answers: the same as those of `vllm serve`."""

from __future__ import annotations

import time
from typing import Any, Final, cast

import orjson

from emogen.backends.chat_request import strict_schema
from emogen.backends.openai import OpenAIBackend
from emogen.batch.planned import Failure
from emogen.batch.rows import Missing
from emogen.errors import InputError, shorten
from emogen.estimates import estimated_usage, with_estimate
from emogen.journal_entry import Entry
from emogen.prices import Price
from emogen.schemas import Completion, Prompt, Usage

__all__ = ["ERROR", "answer_of", "kept", "row_of"]

# The column in which the processor says why a row has no answer.
ERROR: Final = "__inference_error__"
# What goes through the processor untouched.
OWN: Final = (
    "key",
    "record_id",
    "instruction",
    "revision",
    "context",
    "answer_format",
    "max_tokens",
    "expected_tokens",
)
MADE: Final = ("generated_text", "num_input_tokens", "num_generated_tokens", "time_taken_llm", ERROR)


def row_of(missing: Missing, backend: OpenAIBackend) -> dict[str, Any]:
    """Return a request as the processor takes it.

    Raises:
        InputError: it shows images, or is to be answered by a function call.
    """
    prompt = missing.request.prompt
    if prompt.images:
        raise InputError(
            "Ray's vLLM processor is given no images here",
            where="--see",
            remedy="Serve the model (vllm serve) on each machine, and name the servers with --base-url.",
        )
    asked = backend.request.format_of(prompt) or ""
    max_tokens = _max_tokens(backend)
    return {
        "key": missing.key.hex(),
        "record_id": prompt.record_id,
        "instruction": prompt.instruction,
        "revision": missing.request.revision,
        "context": orjson.dumps(missing.request.context).decode(),
        "answer_format": asked,
        "max_tokens": max_tokens,
        "expected_tokens": estimated_usage(prompt).prompt_tokens,
        "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
        "sampling_params": {
            "max_tokens": max_tokens,
            **{
                name: value
                for name, value in backend.request.sampling.items()
                if name in {"seed", "temperature"}
            },
            "structured_outputs": _structure(prompt, asked),
        },
    }


def _max_tokens(backend: OpenAIBackend) -> int:
    sampling = backend.request.sampling
    return int(sampling.get("max_tokens") or sampling["max_completion_tokens"])


def _structure(prompt: Prompt, asked: str) -> dict[str, Any] | None:
    """Return what vLLM's `StructuredOutputsParams` are made of; None leaves the answer free."""
    if asked in {"", "text"} or prompt.answer_schema is None:
        return None
    if asked == "function_call":
        raise InputError(
            "Ray's vLLM processor has no function calls",
            where="--answer-format",
            remedy="Name json_schema, json_object or text.",
        )
    if asked == "json_object":
        return {"json_object": True}
    # As text: in a table of rows, the schemas of several types would become one.
    return {"json": orjson.dumps(strict_schema(prompt.answer_schema)).decode()}


def kept(row: dict[str, Any]) -> dict[str, Any]:
    """Return what is needed of an answered row; runs on the cluster, where the processor is done with it."""
    return {name: row.get(name) for name in (*OWN, *MADE)}


def answer_of(row: dict[str, Any], model: str, price: Price | None) -> Entry | Failure:
    """Return what the journal keeps of a row that came out, or why it has no answer.

    Args:
        row: As `kept` returns it; one that failed may lack what is made.
        model: Who was asked.
        price: What tokens cost; None where that is unknown.
    """
    if error := row.get(ERROR):
        return Failure("engine_error", shorten(error, 200))
    made = int(row["num_generated_tokens"])
    completion = with_estimate(
        Completion(
            text=row["generated_text"],
            model=model,
            # The processor does not hand on why an answer ended.
            finish_reason="length" if made >= row["max_tokens"] else "stop",
            usage=Usage(prompt_tokens=int(row["num_input_tokens"]), completion_tokens=made),
            latency_s=round(float(row["time_taken_llm"]), 3),
            answer_format=row["answer_format"],
        ),
        int(row["expected_tokens"]),
    )
    return Entry(
        bytes.fromhex(row["key"]),
        row["record_id"],
        row["instruction"],
        int(row["revision"]),
        1,
        price.of(completion.usage) if price else None,
        int(time.time()),
        completion,
        cast(dict[str, Any], orjson.loads(row["context"])),
    )
