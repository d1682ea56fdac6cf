"""The embedded demonstration model: SmolLM2-135M-Instruct through llama.cpp, in this process, on one thread.

135 million parameters cannot write a whole conversation in one call. Where a prompt brings a guide, each
question comes from the guide, each answer begins with one of its openings, and the model finishes the sentence;
of several endings the best grounded in the record's words is taken. That shows the machinery; it is no
training data.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Final

import orjson

from emogen.backends import BackendOptions, RequestError
from emogen.backends.grounding import grounding_score
from emogen.errors import InputError, shorten
from emogen.registry import require
from emogen.resources import local_model_file, sha256_text
from emogen.schemas import Completion, GuidedTurn, Prompt, Usage

__all__ = ["MODEL_NAME", "EmbeddedBackend", "start_llama"]

MODEL_NAME: Final = "SmolLM2-135M-Instruct.Q4_1"
CONTEXT_TOKENS: Final = 4096
CANDIDATES: Final = 3
MAX_SENTENCE_TOKENS: Final = 32


def start_llama(**overrides: Any) -> Any:
    """Start llama.cpp on the embedded weights; its `listening_address` also serves OpenAI's wire format.

    Args:
        overrides: Fields of llama.cpp's parameters to set.

    Raises:
        EmovitError: the engine or the weights are not installed.
    """
    llama, weights = _engine_and_weights()
    params = llama.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {MODEL_NAME}
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    params.warmup = False
    params.cache_ram_mib = 0  # it would keep every prompt, up to 8 GiB
    params.offline = True
    params.ui = False
    for name, value in overrides.items():
        setattr(params, name, value)
    return llama.Server(params)


def _engine_and_weights() -> tuple[Any, Path]:
    weights = local_model_file()
    # A thread that spins while it waits takes the core from the one that computes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return require("xllamacpp", extra="local", purpose="The embedded model"), weights


class EmbeddedBackend:
    """SmolLM2-135M in this process: a demonstration model, needs no key and no network."""

    name = "embedded"
    model = MODEL_NAME
    structured = True
    in_flight = 1
    guided = True
    takes_corrections = False
    sees = False
    rate_headers: ClassVar[dict[str, str]] = {}
    notice = (
        "the embedded model is a demonstration model: it shows the machinery, its texts are no training data"
    )

    def __init__(self, options: BackendOptions) -> None:
        if options.model and options.model.lower() not in {"smollm2", "smollm2-135m", MODEL_NAME.lower()}:
            raise InputError(
                f"the embedded backend has one model, {MODEL_NAME}, not {options.model!r}",
                remedy="Leave the model out, or serve your own with --backend openai:NAME --base-url URL.",
            )
        if options.base_url:
            raise InputError("the embedded backend has no --base-url", remedy="Use --backend openai:NAME.")
        if options.answer_format not in (None, "json_schema"):
            raise InputError(
                f"the embedded backend answers in JSON by a schema, not as {options.answer_format}",
                where="--answer-format",
                remedy="Leave the option out.",
            )
        if options.in_flight not in (None, 1):
            raise InputError(
                f"the embedded backend answers one request at a time, not {options.in_flight}",
                where="--in-flight",
                remedy="Leave the option out.",
            )
        self._temperature = 0.6 if options.temperature is None else options.temperature
        self._seed = options.seed
        self._max_tokens = options.max_tokens
        self.parameters: dict[str, Any] = {
            "temperature": self._temperature,
            "max_tokens": self._max_tokens,
            "seed": self._seed,
            "candidates": CANDIDATES,
            "mode": "guided",
        }
        self._closing = False
        # Started with the first request: one that is stopped before it served anything may hang.
        self._server: Any = None
        _engine_and_weights()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama")

    async def complete(self, prompt: Prompt) -> Completion:
        """Follow the prompt's guide; without one, ask in a single call."""
        run = self._guided if prompt.guide else self._single
        return await asyncio.get_running_loop().run_in_executor(self._thread, run, prompt)

    async def aclose(self) -> None:
        """Stop the engine; an answer under way ends with the sentence that it is at."""
        self._closing = True
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._server = None

    def _started(self) -> Any:
        if self._closing:
            raise RequestError("interrupted", "the backend was closed")
        if self._server is None:
            self._server = start_llama()
        return self._server

    def _single(self, prompt: Prompt) -> Completion:
        begin = time.perf_counter()
        body: dict[str, Any] = {
            "messages": [message.model_dump() for message in prompt.messages],
            "max_tokens": self._max_tokens,
            "temperature": self._temperature,
            "seed": self._seed_of(prompt.record_id, prompt.instruction),
            "cache_prompt": False,
        }
        if prompt.answer_schema is not None:
            schema = {"name": prompt.instruction, "schema": prompt.answer_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        reply = self._checked(self._started().handle_chat_completions(body))
        choice = reply["choices"][0]
        return Completion(
            text=choice["message"].get("content") or "",
            model=self.model,
            finish_reason=choice.get("finish_reason") or "stop",
            usage=_usage(reply["usage"]),
            latency_s=round(time.perf_counter() - begin, 3),
        )

    def _guided(self, prompt: Prompt) -> Completion:
        begin = time.perf_counter()
        usage = [0, 0]
        answers = [self._answer(prompt, turn, usage) for turn in prompt.guide]
        return Completion(
            text=_as_asked(prompt.guide, [text for text, _ in answers]),
            model=self.model,
            finish_reason="stop" if all(whole for _, whole in answers) else "length",
            usage=Usage(prompt_tokens=usage[0], completion_tokens=usage[1]),
            latency_s=round(time.perf_counter() - begin, 3),
        )

    def _answer(self, prompt: Prompt, turn: GuidedTurn, usage: list[int]) -> tuple[str, bool]:
        """Return the answer, and whether the model brought each of its sentences to an end."""
        sentences: list[str] = []
        whole = True
        for opening in turn.openings:
            text = _chat(turn, " ".join([*sentences, opening]))
            key = f"{prompt.record_id}/{prompt.instruction}/{turn.question}/{opening}"
            endings = [self._ending(text, f"{key}/{i}", usage) for i in range(CANDIDATES)]
            closed = [ending for ending in endings if ending is not None]
            whole = whole and bool(closed)
            best = max(closed, key=lambda ending: grounding_score(ending, turn.evidence), default="")
            sentences.append(f"{opening}{best}")
        return " ".join(sentences), whole

    def _ending(self, text: str, key: str, usage: list[int]) -> str | None:
        """Return the rest of the sentence with its full stop, or None where the model did not close it."""
        reply = self._checked(
            self._started().handle_completions(
                {
                    "prompt": text,
                    "n_predict": min(MAX_SENTENCE_TOKENS, self._max_tokens),
                    "temperature": self._temperature,
                    "min_p": 0.1,
                    "dry_multiplier": 0.8,
                    "stop": [".", "\n", "<|", "!", "?", ":"],
                    "seed": self._seed_of(key),
                    # Numbers differ a little with what is cached: a completion begins from nothing, so that what
                    # was asked before it cannot change its text.
                    "cache_prompt": usage[0] > 0,
                }
            )
        )
        counted = _usage(reply["usage"])
        usage[0] += counted.prompt_tokens
        usage[1] += counted.completion_tokens
        choice = reply["choices"][0]
        ending = re.sub(r"\s+", " ", choice["text"]).rstrip(" ,;-")
        if choice["finish_reason"] != "stop" or not ending.strip() or ending.count('"') % 2:
            return None
        return f"{ending}."

    def _seed_of(self, *parts: str) -> int:
        return int(sha256_text(str(self._seed), *parts)[:7], 16)

    def _checked(self, reply: Any) -> dict[str, Any]:
        if not isinstance(reply, dict) or "choices" not in reply:
            raise RequestError("engine_error", shorten(reply, 200))
        return reply


def _chat(turn: GuidedTurn, answer_so_far: str) -> str:
    facts = "; ".join(turn.evidence)
    return (
        "<|im_start|>system\nYou describe one picture in short, plain sentences. "
        "Say only what fits these facts.<|im_end|>\n"
        f"<|im_start|>user\nThe picture: {facts}\n{turn.question}<|im_end|>\n"
        f"<|im_start|>assistant\n{answer_so_far}"
    )


def _as_asked(guide: Sequence[GuidedTurn], answers: Sequence[str]) -> str:
    """Write the answers as the JSON that the instruction type asks for."""
    pairs = [
        {"question": turn.question, "answer": answer} for turn, answer in zip(guide, answers, strict=True)
    ]
    if [turn.kind for turn in guide] == ["reasoning"]:
        return orjson.dumps(pairs[0]).decode()
    basic = [pair for turn, pair in zip(guide, pairs, strict=True) if turn.kind == "basic"]
    advanced = [pair for turn, pair in zip(guide, pairs, strict=True) if turn.kind == "advanced"]
    return orjson.dumps({"basic": basic, "advanced": advanced[0] if advanced else None}).decode()


def _usage(counted: dict[str, Any]) -> Usage:
    return Usage(prompt_tokens=counted["prompt_tokens"], completion_tokens=counted["completion_tokens"])
