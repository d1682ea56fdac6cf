"""What no question or answer may hold: the marks by which the consumers tell text from structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from emogen.errors import shorten
from emogen.exporters import Problem

__all__ = ["IMAGE_MARKS", "IMAGE_TOKEN", "VICUNA_MARKS", "are_plain", "check_text", "check_unicode"]

IMAGE_TOKEN: Final = "<image>"

# What a consumer takes for something else than text → what it takes it for.
IMAGE_MARKS: Final[Mapping[str, str]] = {IMAGE_TOKEN: "which stands for the picture"}

# Sources: LLaVA `preprocess_multimodal`, `preprocess_v1`; transformers `InstructBlipProcessor`;
# the chat form of Vicuna, which is the language model of both.
VICUNA_MARKS: Final[Mapping[str, str]] = {
    **IMAGE_MARKS,
    "</s>": "which the tokenizer reads as the end of the answer",
    "USER:": "which opens a question in Vicuna's chat form",
    "ASSISTANT:": "which opens an answer in Vicuna's chat form, so that LLaVA masks the row without a word",
}


def are_plain(texts: Sequence[str]) -> bool:
    """Whether `check_text` surely finds nothing in any of the texts: what nearly all are, seen at once.

    All marks of this module are looked for.
    """
    whole = "\n".join(texts)
    return (
        "<" not in whole
        # A single character is found much faster, and few texts hold this one.
        and (":" not in whole or ("USER:" not in whole and "ASSISTANT:" not in whole))
        and all(map(str.strip, texts))
        and (whole.isascii() or not list(check_unicode("", whole)))
    )


def check_text(field: str, text: object, marks: Mapping[str, str] = VICUNA_MARKS) -> Iterator[Problem]:
    """Yield what is wrong with a question or an answer.

    Args:
        field: Its place in the row.
        text: The value found there.
        marks: What the consumer takes for something else than text.
    """
    if not isinstance(text, str):
        yield Problem(field, f"must be text, not {shorten(repr(text), 40)}", "Write a string.")
        return
    if not text.strip():
        yield Problem(field, "must not be blank", "Leave the turn out, or write its text.")
    for mark, meaning in marks.items():
        if mark in text:
            yield Problem(
                field, f"must not hold {mark!r}, {meaning}", "Reword the text, or leave the turn out."
            )
    yield from check_unicode(field, text)


def check_unicode(field: str, text: object) -> Iterator[Problem]:
    """Yield a problem if `text` is a string with a lone surrogate, which no UTF-8 file can hold."""
    try:
        str(text).encode()
    except UnicodeEncodeError as error:
        seen = error.object[error.start : error.end].encode("unicode_escape").decode()
        yield Problem(field, f"must be valid Unicode, not {shorten(seen)}", "Write whole characters.")
