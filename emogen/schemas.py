"""The five nouns that carry the data: `ImageRecord → Prompt → Completion → Sample | Rejection`.

All are frozen. Those that cross a file are validated on the way in and refuse unknown fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import not_
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS

__all__ = [
    "LAST_SECOND",
    "MODEL_ORIGIN",
    "Attributes",
    "Completion",
    "GuidedTurn",
    "ImageInput",
    "ImageRecord",
    "Message",
    "Prompt",
    "Provenance",
    "Rejection",
    "Sample",
    "SeenImage",
    "Split",
    "Turn",
    "TurnKind",
    "Usage",
]


def _without_lone_surrogates(text: str) -> str:
    """Replace halves of characters, which a cut JSON escape leaves and no file can hold, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


# Of the year 9999, in seconds since 1970: after it there are no dates.
LAST_SECOND: Final = 253_402_300_799

# What `ImageRecord.origin` says of a value that a model made begins so; the model's name follows.
MODEL_ORIGIN: Final = "model:"

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Text = Annotated[str, Field(min_length=1)]
# What a server says may hold anything.
Storable = Annotated[str, AfterValidator(_without_lone_surrogates)]
Split = Literal["train", "val", "test"]
TurnKind = Literal["categorical", "basic", "advanced", "reasoning"]


class _Frozen(BaseModel):
    # Texts are hardly ever the same twice: remembering the last 16,384 of them would only take memory.
    model_config = ConfigDict(frozen=True, extra="forbid", cache_strings="keys")


class Attributes(_Frozen):
    """EmoSet's visual attributes of an image; an absent one means "no label", never "none visible".

    Attributes:
        brightness: 0 (darkest) to 1 (brightest).
        colorfulness: 0 (black-and-white) to 1 (the most colourful).
        scene: Where it is, one of Places365's names in EmoSet.
        object: What is in it, most certain first.
        facial_expression: The expression of the main face.
        human_action: What the main person does.
    """

    brightness: Unit | None = None
    colorfulness: Unit | None = None
    scene: Text | None = None
    object: tuple[Text, ...] = ()
    facial_expression: Text | None = None
    human_action: Text | None = None


class ImageRecord(_Frozen):
    """One image with what is known of it.

    Attributes:
        id: Unique within a data set.
        image: Path of the image file as the user wrote it, relative to the records file.
        emotion: The labelled emotion, one of `labels`.
        labels: The label set that the emotion was chosen from, in option order.
        caption: One sentence that describes the image.
        attributes: The visual attributes.
        split: `train`, `val` or `test`; None where the user made no split.
        origin: Field name → where its value comes from (`metadata`, `pixels`, `pixels+map`, `model:` and a
            model's name).
    """

    id: Text
    image: Text
    emotion: Text | None = None
    labels: tuple[Text, ...] = LABEL_SETS[DEFAULT_LABEL_SET]
    caption: Text | None = None
    attributes: Attributes = Attributes()
    split: Split | None = None
    origin: dict[str, str] = Field(default_factory=dict)

    def model_behind(self, field: str) -> str | None:
        """Return the name of the model that a field's value (of `emotion`, `scene`) is from; None for no model."""
        origin = self.origin.get(field, "")
        return origin.removeprefix(MODEL_ORIGIN) if origin.startswith(MODEL_ORIGIN) else None

    @model_validator(mode="after")
    def _emotion_is_a_label(self) -> ImageRecord:
        if self.emotion is not None and self.emotion not in self.labels:
            raise ValueError(f"emotion {self.emotion!r} is not one of the labels {', '.join(self.labels)}")
        return self


class SeenImage(_Frozen):
    """What a model was shown of an image: the picture alone, upright, without the file's metadata.

    Attributes:
        sha256: Of the image file as it lay on the disk.
        width: Of the picture as sent, in pixels.
        height: Of the picture as sent, in pixels.
        media_type: Of the picture as sent.
        quality: JPEG quality of the picture as sent.
    """

    sha256: str
    width: int
    height: int
    media_type: str = "image/jpeg"
    quality: int


@dataclass(frozen=True)
class ImageInput:
    """An image that goes along with a message, for models that see; two are equal where they show the same.

    Attributes:
        seen: What is shown.
        load: Returns the encoded picture, encoded when it is first asked for and kept; may be called in any thread,
            and raises `InputError` where the file cannot be decoded.
    """

    seen: SeenImage
    load: Callable[[], bytes] = field(repr=False, compare=False)


class Message(_Frozen):
    """One chat message.

    Attributes:
        role: Who speaks.
        content: The text.
        images: What the text is about, for models that see.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[ImageInput, ...] = Field(default=(), exclude=True)


class GuidedTurn(_Frozen):
    """One question with the openings that an answer may take: the small steps of a guided completion.

    Attributes:
        kind: What kind of turn this becomes.
        question: The finished question.
        openings: Beginnings of the answer's sentences; each is continued by the model, and joined in order.
        evidence: Words of the record that a grounded continuation may use.
    """

    kind: TurnKind
    question: Text
    openings: tuple[Text, ...]
    evidence: tuple[str, ...] = ()


class Prompt(_Frozen):
    """What a backend is asked for one record and one instruction type.

    Attributes:
        record_id: The record that it was rendered from.
        instruction: `conversation`, `reasoning`, ...
        messages: The rendered chat, seed examples included.
        answer_schema: JSON schema of the wanted answer; None asks for the "Question: / Answer:" text.
        guide: The same task in small steps, for models too small for the single call.
        template_sha256: Of the template's source, with every template that it extends or includes.
        seed_ids: The seed examples shown, in order.
    """

    record_id: str
    instruction: str
    messages: tuple[Message, ...]
    answer_schema: dict[str, Any] | None = None
    guide: tuple[GuidedTurn, ...] = ()
    template_sha256: str = ""
    seed_ids: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[ImageInput, ...]:
        """All images of all messages, in order."""
        return tuple([image for message in self.messages if message.images for image in message.images])


class Usage(_Frozen):
    """Tokens as the provider counted them.

    Attributes:
        prompt_tokens: Of what was asked.
        completion_tokens: Of the answer.
        estimated: Whether the provider did not say, and these are estimates.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = Field(default=False, exclude_if=not_)


class Completion(_Frozen):
    """A backend's raw answer.

    Attributes:
        text: The answer exactly as it came.
        model: The model's name as the provider returned it.
        finish_reason: `stop`, `length`, `content_filter` or the provider's own word.
        usage: Tokens used.
        latency_s: Seconds from sending to the last byte.
        answer_format: How it was asked for (`json_schema`, `function_call`, `json_object`, `text`); empty where the
            backend has only one way.
    """

    text: Storable
    model: Storable
    finish_reason: Storable = "stop"
    usage: Usage = Usage()
    latency_s: float = 0.0
    answer_format: str = ""


class Turn(_Frozen):
    """One question and its answer."""

    question: Text
    answer: Text
    kind: TurnKind


class Provenance(_Frozen):
    """How a row came about.

    Attributes:
        backend: Name of the backend, or `none` where no language model was asked.
        model: The model's name as returned.
        prompt_sha256: Of the rendered messages and the answer schema.
        template_sha256: See `Prompt`.
        seed_ids: See `Prompt`.
        finish_reason: See `Completion`.
        usage: See `Completion`.
        latency_s: See `Completion`.
        answer_format: See `Completion`.
        attempts: How often the request was sent before it was answered; 0 where no model was asked.
        revision: How often the model was shown what was wrong with its answer before.
        cost: In the price table's currency, corrections included; None where the price is unknown. Where tokens are
            estimated, so is the cost.
        answered_at: When the answer came in, in whole seconds since 1970 (UTC); of a batch, when it was collected. None
            where no model was asked, and in rows of earlier versions.
        images: The images that the model saw; none where it was told of the image in words alone.
    """

    backend: str
    model: str
    prompt_sha256: str
    template_sha256: str
    seed_ids: tuple[str, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = Usage()
    latency_s: float = 0.0
    answer_format: str = ""
    attempts: int = 0
    revision: int = 0
    cost: float | None = None
    answered_at: Annotated[int, Field(ge=0, le=LAST_SECOND)] | None = None
    images: tuple[SeenImage, ...] = ()


class Sample(_Frozen):
    """One kept instruction: an image with one to three question-answer turns.

    Attributes:
        record: The record, whole, so that a sample can be exported, checked and trained on alone.
        instruction: The instruction type.
        turns: In dialogue order.
        flags: Reason codes of checks that noticed something without rejecting.
        scores: Reason code of a check → what it measured; see the check.
        near_duplicate_of: The id of the sample that this one is much like, where `emogen dedup` flagged it.
        provenance: How it was made.
    """

    record: ImageRecord
    instruction: str
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]
    flags: tuple[str, ...] = ()
    scores: dict[str, float] = Field(default_factory=dict)
    near_duplicate_of: str | None = None
    provenance: Provenance

    @property
    def id(self) -> str:
        """`<record id>/<instruction>`, unique within a run."""
        return f"{self.record.id}/{self.instruction}"


class Rejection(_Frozen):
    """One answer that was not kept, with its raw text: nothing that was paid for is lost.

    Attributes:
        record_id: The record.
        instruction: The instruction type.
        stage: `prompt`, `backend`, `parse` or `check`.
        reason: Short reason code, counted in the run's manifest.
        detail: What exactly was seen.
        raw_answer: The model's answer, where there was one.
        provenance: How it was made, where a model was asked.
    """

    record_id: str
    instruction: str
    stage: Literal["prompt", "backend", "parse", "check"]
    reason: Text
    detail: Storable = ""
    raw_answer: str | None = None
    provenance: Provenance | None = None
