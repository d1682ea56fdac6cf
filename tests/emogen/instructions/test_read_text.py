"""The plain "Question: / Answer:" text as models really write it."""

from __future__ import annotations

import pytest

from emogen.instructions.answer_text import Pair, read_pairs

Q, A = "What does the sign say?", "It says that the road is closed."
ONE = [(Q, A)]
TWO = [(Q, A), ("Why is it closed?", "The river has risen.")]

CASES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "plain": (f"Question: {Q}\nAnswer: {A}", ONE),
    "lower case": (f"question: {Q}\nanswer: {A}", ONE),
    "capitals": (f"QUESTION: {Q}\nANSWER: {A}", ONE),
    "crlf": (f"Question: {Q}\r\nAnswer: {A}\r\n", ONE),
    "blank line between": (f"\n\nQuestion: {Q}\n\nAnswer: {A}\n\n", ONE),
    "preamble": (f"Sure! Here is the exchange you asked for:\n\nQuestion: {Q}\nAnswer: {A}", ONE),
    "numbered labels": (
        f"Question 1: {Q}\nAnswer 1: {A}\n\nQuestion 2: {TWO[1][0]}\nAnswer 2: {TWO[1][1]}",
        TWO,
    ),
    "numbered lines": (
        f"1. Question: {Q}\n   Answer: {A}\n2) Question: {TWO[1][0]}\n   Answer: {TWO[1][1]}",
        TWO,
    ),
    "hash number": (f"Question #1: {Q}\nAnswer #1: {A}", ONE),
    "spelt number": (f"Question One: {Q}\nAnswer: {A}", ONE),
    "bullets": (f"- Question: {Q}\n- Answer: {A}", ONE),
    "bold labels": (f"**Question:** {Q}\n**Answer:** {A}", ONE),
    "bold, colon outside": (f"**Question**: {Q}\n**Answer**: {A}", ONE),
    "bold without a space": (f"**Question:**{Q}\n**Answer:**{A}", ONE),
    "bold line": (f"**Question: {Q}**\nAnswer: {A}", ONE),
    "bold question": (f"Question: **{Q}**\nAnswer: {A}", ONE),
    "bold and numbered": (f"1. **Question:** {Q}\n   **Answer:** {A}", ONE),
    "italic labels": (f"*Question:* {Q}\n_Answer:_ {A}", ONE),
    "italic question": (f"Question: *{Q}*\nAnswer: {A}", ONE),
    "emphasis inside stays": (
        "Question: Who is *leaning*?\nAnswer: *Two* boys lean on snake_case.",
        [("Who is *leaning*?", "*Two* boys lean on snake_case.")],
    ),
    "bold paragraphs": (
        f"Question: {Q}\nAnswer: **Light**: it is dim.\n\n**Mood**: it is calm.",
        [(Q, "Light: it is dim.\n\nMood: it is calm.")],
    ),
    "headings": (f"### Question 1\n{Q}\n\n### Answer\n{A}", ONE),
    "heading with colon": (f"## Question:\n{Q}\n## Answer:\n{A}", ONE),
    "quoted block": (f"> Question: {Q}\n> Answer: {A}", ONE),
    "code fence": (f"```\nQuestion: {Q}\nAnswer: {A}\n```", ONE),
    "named fence": (f"```text\nQuestion: {Q}\nAnswer: {A}\n```\n", ONE),
    "rules between": (
        f"Question: {Q}\nAnswer: {A}\n\n---\n\nQuestion: {TWO[1][0]}\nAnswer: {TWO[1][1]}\n***",
        TWO,
    ),
    "missing colons": (f"Question {Q}\nAnswer {A}", ONE),
    "missing colons, numbered": (f"Question 1 {Q}\nAnswer 1 {A}", ONE),
    "dashes": (f"Question - {Q}\nAnswer – {A}", ONE),
    "full-width colons": (f"Question：{Q}\nAnswer：{A}", ONE),
    "letters": (f"Q: {Q}\nA: {A}", ONE),
    "numbered letters": (f"Q1: {Q}\nA1: {A}\nQ2: {TWO[1][0]}\nA2: {TWO[1][1]}", TWO),
    "letters and stops": (f"Q1. {Q}\nA1) {A}", ONE),
    "letters without colon": (f"Q. {Q}\nA. {A}", ONE),
    "bold letters": (f"**Q1:** {Q}\n**A1:** {A}", ONE),
    "one line": (f"Question: {Q} Answer: {A}", ONE),
    "one line, bold": (f"**Question:** {Q} **Answer:** {A}", ONE),
    "one line, letters": (f"Q: {Q} A: {A}", ONE),
    "all on one line": (f"Question: {Q} Answer: {A} Question: {TWO[1][0]} Answer: {TWO[1][1]}", TWO),
    "response": (f"Question: {Q}\nResponse: {A}", ONE),
    "double quotes": (f'Question: "{Q}"\nAnswer: "{A}"', ONE),
    "single quotes": (f"Question: '{Q}'\nAnswer: 'It's closed.'", [(Q, "It's closed.")]),
    "curly quotes": (f"Question: “{Q}”\nAnswer: ‘It’s closed.’", [(Q, "It’s closed.")]),
    "guillemets": (f"Question: «{Q}»\nAnswer: „{A}“", ONE),
    "quotes of a part stay": (
        'Question: "Stop" or "Go"?\nAnswer: "Stop" is painted beside "Go"',
        [('"Stop" or "Go"?', '"Stop" is painted beside "Go"')],
    ),
    "several paragraphs": (
        f"Question: {Q}\nAnswer: {A}\n\n\n\nThe rest is wet.",
        [(Q, f"{A}\n\nThe rest is wet.")],
    ),
    "a list in the answer": (
        f"Question: {Q}\nAnswer: Two things:\n1. A road.\n2. A river.\n- Rain",
        [(Q, "Two things:\n1. A road.\n2. A river.\n- Rain")],
    ),
    "a sentence like a label": (
        f"Question: {Q}\nAnswer: {A}\nAnswer the door, it asks.\nA 2 metre fence stands there.\nQuestions remain.",
        [(Q, f"{A}\nAnswer the door, it asks.\nA 2 metre fence stands there.\nQuestions remain.")],
    ),
    "a size like a label": (
        f"Question: {Q}\nAnswer: {A}\nA4 paper lies there.",
        [(Q, f"{A}\nA4 paper lies there.")],
    ),
    "label twice": (f"Question: {Q}\nAnswer:\nAnswer: {A}", ONE),
    "unanswered": (f"Question: What is it?\nQuestion: {Q}\nAnswer: {A}", ONE),
    "no question": (f"Answer: {A}", []),
    "no answer": (f"Question: {Q}", []),
    "prose": ("The picture shows a closed road. The question is why: the answer is unknown.", []),
    "empty": ("", []),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_a_text_gives_its_pairs(text: str, expected: list[tuple[str, str]]) -> None:
    """Each habit of language models is read as the pairs that a reader sees, and no word is lost."""
    assert [(pair.question, pair.answer) for pair in read_pairs(text)] == expected


MARKED: dict[str, str] = {
    "complex": "Complex question: {q}\nAnswer: {a}",
    "complex alone": "Complex Question:\n{q}\nAnswer: {a}",
    "complex alone, labelled again": "**Complex question:**\nQuestion: {q}\nAnswer: {a}",
    "numbered": "Complex Question 3: {q}\nComplex Answer: {a}",
    "in brackets": "Question (advanced): {q}\nAnswer (advanced): {a}",
    "number and brackets": "Question 3 (Advanced Interaction): {q}\nAnswer 3: {a}",
    "letter and brackets": "Q (complex): {q}\nA: {a}",
    "interaction": "Advanced Interaction Question: {q}\nAnswer: {a}",
    "interaction, dash": "Advanced interaction - Question: {q}\nAnswer: {a}",
    "heading": "## Advanced Interaction\nQuestion: {q}\nAnswer: {a}",
    "bold heading": "**Advanced Interaction:**\n\n**Question:** {q}\n**Answer:** {a}",
    "the paper's heading": "**Conversation    Advanced Interaction**\n\n**Question:** {q}  \n**Answer:** {a}",
    "numbered heading": "3. Advanced question and answer pair\nComplex question: {q}\nAnswer: {a}",
}


@pytest.mark.parametrize("text", MARKED.values(), ids=MARKED.keys())
def test_an_advanced_pair_is_known_by_its_mark(text: str) -> None:
    """However the text calls the third pair advanced, it is read as such, and the one before it is not."""
    before = "Conversation    Basic Interaction\nQuestion (basic): Who is there?\nAnswer: A boy is there.\n\n"
    assert read_pairs(before + text.format(q=Q, a=A)) == [
        Pair("Who is there?", "A boy is there.", False),
        Pair(Q, A, True),
    ]
