"""A test double that replays given answers; public, so that users can test their pipelines without a model."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from emogen.backends import BackendOptions, RequestError
from emogen.errors import InputError, shorten
from emogen.schemas import Completion, Prompt

__all__ = ["ScriptedAnswer", "ScriptedBackend", "open_scripted"]


class ScriptedAnswer(BaseModel):
    """One answer of the script.

    Attributes:
        text: What is answered.
        record_id: Only this record gets it; None gives it to whoever asks next.
        instruction: Only this instruction type gets it.
        finish_reason: As a provider would report it.
        error: Fails the request with this reason code instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = ""
    record_id: str | None = None
    instruction: str | None = None
    finish_reason: str = "stop"
    error: str | None = None

    def fits(self, prompt: Prompt) -> bool:
        """Whether this answer is meant for `prompt`."""
        return self.record_id in (None, prompt.record_id) and self.instruction in (None, prompt.instruction)


class ScriptedBackend:
    """Replays answers: each is given once, the first that fits.

    Args:
        answers: The script.
        structured: Whether prompts ask for JSON.
        takes_corrections: Whether an answer that cannot be read is followed by a correction.
    """

    name = "scripted"
    model = "scripted"
    in_flight = 1
    notice = ""
    guided = False
    sees = True
    rate_headers: ClassVar[dict[str, str]] = {}

    def __init__(
        self, answers: list[ScriptedAnswer], *, structured: bool = False, takes_corrections: bool = False
    ) -> None:
        self.structured = structured
        self.takes_corrections = takes_corrections
        self.parameters: dict[str, Any] = {}
        self.prompts: list[Prompt] = []
        self._waiting = list(answers)

    async def complete(self, prompt: Prompt) -> Completion:
        """Give the first answer that fits; a script that has none fails the request."""
        self.prompts.append(prompt)
        for position, answer in enumerate(self._waiting):
            if answer.fits(prompt):
                del self._waiting[position]
                if answer.error:
                    raise RequestError(answer.error, answer.text or "scripted failure")
                return Completion(text=answer.text, model=self.model, finish_reason=answer.finish_reason)
        raise RequestError("no_scripted_answer", f"{prompt.record_id}/{prompt.instruction}")

    async def aclose(self) -> None:
        """Nothing is held."""


def open_scripted(options: BackendOptions) -> ScriptedBackend:
    """Replays the answers of a JSON Lines file (scripted:FILE); for tests and for writing parsers."""
    if not options.model:
        raise InputError(
            "scripted needs a file of answers", remedy="Name it: --backend scripted:answers.jsonl"
        )
    if options.base_url:
        raise InputError("scripted has no --base-url", remedy="Leave it out: no server is asked.")
    path = Path(options.model)
    backend = ScriptedBackend(list(_read(path)), structured=options.answer_format not in (None, "text"))
    # The journal addresses answers by what was asked of whom: another script is somebody else.
    backend.parameters = {"answers": path.name, "sha256": sha256(path.read_bytes()).hexdigest()}
    return backend


def _read(path: Path) -> Iterator[ScriptedAnswer]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, remedy="Name a file of answers, one JSON a line."
        ) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield ScriptedAnswer.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "line"
            raise InputError(
                f"{field}: {shorten(first['msg'])}", where=f"{path}:{number}", remedy="Mend this line."
            ) from error
