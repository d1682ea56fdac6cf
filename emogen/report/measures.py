"""Measures that need a sample of fixed size: how many different words there are depends on how many are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from emogen.checks import runs, words_of
from emogen.checks.phrases import value_name
from emogen.checks.vocabulary import vocabulary
from emogen.registry import require
from emogen.report.rows import RecordRow, TurnRow
from emogen.report.syntax import ParsedQuestions, Parser, parse_questions
from emogen.report.tally import Tally

__all__ = ["Diversity", "Measures", "measures_of"]

# Each answer is compared with all others: this grows by its square.
SELF_BLEU_TEXTS: Final = 60
_VALUES: Final = ("scene", "object", "facial_expression", "human_action")

Drawn = Sequence[tuple[TurnRow, RecordRow]]


@dataclass(frozen=True)
class Diversity:
    """How different the measured answers of one kind of turn are.

    Attributes:
        measured: How many turns.
        distinct_1: Different words among all words of the answers (Li et al. 2016).
        distinct_2: Different pairs of neighbouring words among all such pairs.
        self_bleu_4: Mean BLEU-4 of an answer against the others, 0 (nothing in common) to 100, on at most
            `SELF_BLEU_TEXTS` of them (Zhu et al. 2018); None where there is but one.
        questions: Different questions among all questions.
    """

    measured: int
    distinct_1: float
    distinct_2: float
    self_bleu_4: float | None
    questions: float


@dataclass(frozen=True)
class Measures:
    """What is measured on a sample of a run's turns.

    Attributes:
        diversity: Kind of turn → how different its answers are.
        named: Kind of turn → attribute → share of given values that the answer names, in its own words or in those
            that the checks know for it.
        verbs: Kind of turn → what its questions ask for, by their root verbs; None where no parser was named.
    """

    diversity: dict[str, Diversity]
    named: dict[str, dict[str, float]]
    verbs: dict[str, ParsedQuestions] | None


def measures_of(
    counted: Tally, parser: Parser | None = None, advance: Callable[[int], None] = lambda step: None
) -> Measures:
    """Measure the turns that were drawn of a run.

    Args:
        counted: The run.
        parser: Parses the questions, see `emogen.report.syntax.load_parser`.
        advance: Told after each question that is parsed.

    Raises:
        MissingExtraError: sacrebleu is not installed.
    """
    require("sacrebleu", extra="report", purpose="Measuring diversity")
    diversity, named, verbs = {}, {}, {}
    # The answers to categorical questions are labels.
    for kind in sorted(counted.measured.keys() - {"categorical"}):
        drawn = counted.measured[kind].rows()
        diversity[kind] = _diversity([turn for turn, _ in drawn])
        named[kind] = _named(drawn)
        if parser is not None:
            verbs[kind] = parse_questions(parser, [turn.question for turn, _ in drawn], advance)
    return Measures(diversity, named, verbs if parser is not None else None)


def _diversity(turns: Sequence[TurnRow]) -> Diversity:
    words = [words_of(turn.answer.lower()) for turn in turns]
    single = [word for said in words for word in said]
    pairs = [pair for said in words for pair in runs(said, 2)]
    questions = {turn.question.lower() for turn in turns}
    return Diversity(
        measured=len(turns),
        distinct_1=len(set(single)) / max(1, len(single)),
        distinct_2=len(set(pairs)) / max(1, len(pairs)),
        self_bleu_4=_self_bleu([turn.answer for turn in turns[:SELF_BLEU_TEXTS]]),
        questions=len(questions) / len(turns),
    )


def _self_bleu(texts: list[str]) -> float | None:
    from sacrebleu.metrics.bleu import BLEU

    if len(texts) < 2:
        return None
    bleu = BLEU(effective_order=True)
    others = (texts[:place] + texts[place + 1 :] for place in range(len(texts)))
    return fmean(bleu.sentence_score(text, rest).score for text, rest in zip(texts, others, strict=True))


def _named(drawn: Drawn) -> dict[str, float]:
    """Return, by attribute, which share of the values that records give their answers name."""
    found: dict[str, list[bool]] = {name: [] for name in _VALUES}
    for turn, record in drawn:
        words = set(words_of(turn.answer.lower()))
        shown = vocabulary().shown(turn.answer)
        for name in _VALUES:
            given = getattr(record.attributes, name) or ()
            for value in map(value_name, given if isinstance(given, tuple) else (given,)):
                found[name].append(value in shown or set(words_of(value)) <= words)
    return {name: fmean(values) for name, values in found.items() if values}
