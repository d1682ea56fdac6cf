"""What questions ask for, by the verbs at their roots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from emogen.report.blocks import Block, Facts, Table
from emogen.report.charts import Chart
from emogen.report.measures import Measures

__all__ = ["verbs"]

# Verbs that are drawn, and those of each kind that are listed; nouns beside one of them.
VERBS: Final = 20
VERBS_OF_A_KIND: Final = 12
NOUNS: Final = 6


def verbs(measures: Measures) -> Iterator[Block]:
    """Yield what questions ask for; where no parser was named, how to get it."""
    if measures.verbs is None:
        note = "Name a parser of the language to see them: emogen report RUN --parser en_core_web_sm (extra syntax)."
        yield Facts("Root verbs of questions, and their objects", note, {"parser": "none was named"})
        return
    kinds = measures.verbs
    asked: Counter[str] = Counter()
    for found in kinds.values():
        asked.update({verb: sum(nouns.values()) for verb, nouns in found.verbs.items()})
    shown = [verb for verb, _ in asked.most_common(VERBS)]
    yield Chart(
        "Root verbs of questions",
        "The most frequent verbs at the root of the drawn questions' first sentences, with their share of each kind's.",
        shown,
        {
            kind: [sum(found.verbs.get(verb, {}).values()) / max(1, found.parsed) for verb in shown]
            for kind, found in kinds.items()
        },
        "share of questions",
    )
    yield Table(
        "Root verbs and their objects",
        "The nouns that are a verb's direct object, the most frequent ones, with the number of questions.",
        ["kind", "verb", "questions", "without such a noun", "nouns"],
        [
            [kind, verb, sum(nouns.values()), nouns.get("", 0), _nouns(nouns)]
            for kind, found in kinds.items()
            for verb, nouns in list(found.verbs.items())[:VERBS_OF_A_KIND]
        ],
    )
    yield Facts(
        "Parsed questions",
        "The same ones in every report with this seed.",
        {
            kind: f"{found.parsed:,}, {found.without_verb:,} of them without a verb"
            for kind, found in kinds.items()
        },
    )


def _nouns(nouns: Mapping[str, int]) -> str:
    named = {noun: count for noun, count in nouns.items() if noun}
    shown = ", ".join(f"{noun} {count}" for noun, count in list(named.items())[:NOUNS])
    return shown + (", …" if len(named) > NOUNS else "") or "–"
