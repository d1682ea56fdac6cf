"""`emogen card`: what the Hub reads, what a person reads, and what foreign text must not do in either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from huggingface_hub import DatasetCard, DatasetCardData, metadata_load
from made_reviews import review

from benchmarks.report.made_run import rows, write_run
from emogen.report.markdown import fenced, inert
from emogen.reviews import append_review
from emogen.store import read_samples

SECTIONS = (
    "## Dataset Details",
    "## Uses",
    "### Out-of-Scope Use",
    "## Dataset Structure",
    "## Dataset Creation",
    "### Curation Rationale",
    "### Source Data",
    "### Generation",
    "### Filters",
    "### Annotation process",
    "### Personal and Sensitive Information",
    "## Bias, Risks, and Limitations",
    "### Recommendations",
    "## Licences",
    "## Citation",
    "## Contamination Statement",
)


def written(emogen: Emogen, run: Path, *words: object) -> str:
    ran = emogen("card", run, *words)
    assert ran.code == 0, ran.err
    return (run / "README.md").read_text(encoding="utf-8")


def test_the_hub_reads_the_front_matter(emogen: Emogen, tmp_path: Path) -> None:
    """huggingface_hub's own reader takes the front matter, and reads back what was said."""
    run = write_run(tmp_path / "mine", rows(40))
    written(emogen, run, "--name", "Mine: a 'set'\n--- of 36", "--text-license", "cc-by-nc-4.0")
    read = metadata_load(run / "README.md")
    assert read is not None
    assert DatasetCardData(**read).to_dict() == read
    assert read["pretty_name"] == "Mine: a 'set' --- of 36"
    assert (read["license"], read["size_categories"]) == ("cc-by-nc-4.0", ["n<1K"])
    assert DatasetCard.load(run / "README.md").data.to_dict() == read


def test_each_section_is_there_once_and_in_order(emogen: Emogen, tmp_path: Path) -> None:
    """A reader of dataset cards finds every section where the Hub's template has it."""
    lines = written(emogen, write_run(tmp_path / "mine", rows(40))).splitlines()
    headings = [line for line in lines if line.startswith("#") and line in SECTIONS]
    assert headings == list(SECTIONS)


def test_numbers_are_the_runs(emogen: Emogen, tmp_path: Path) -> None:
    """Counts, filters, model, parameters, hashes and splits are those of the run's files."""
    card = written(emogen, write_run(tmp_path / "mine", rows(400)))
    assert "360 instructions (560 questions with answers) about 200 images" in card
    assert "Of 400 rows, 40 were rejected by program, and 8 of the 360 kept ones carry a flag." in card
    assert "| source\\_leak | check | 10 |" in card
    assert "| model, as it named itself | gpt-large-2026 (390 rows) |" in card
    assert "| temperature | 0.7 |" in card
    assert "3" * 64 in card
    assert "| test | 20 |" in card
    assert "Near-duplicates were not looked for." in card


def test_licences_of_texts_and_images_stay_apart(emogen: Emogen, tmp_path: Path) -> None:
    """Two licences are told apart; one that the Hub does not know is named as "other"; none is not guessed."""
    run = write_run(tmp_path / "mine", rows(40))
    ran = emogen("card", run)
    assert "--text-license" in ran.err
    assert "--image-license" in ran.err
    assert metadata_load(run / "README.md")["license"] == "unknown"  # type: ignore[index]
    words = (
        "--text-license",
        "cc-by-4.0",
        "--image-license",
        "Research only, ask the authors",
        "--overwrite",
    )
    card = written(emogen, run, *words)
    read: Any = metadata_load(run / "README.md")
    assert read["license"] == "other"
    assert read["license_name"] == "cc-by-4-0-and-research-only-ask-the-authors"
    assert "| images | Research only, ask the authors |" in card
    assert "| texts (questions, answers, attributes made by program) | cc-by-4.0 |" in card


def test_test_images_among_the_runs_are_named(emogen: Emogen, tmp_path: Path) -> None:
    """A listed id or path is found whatever its ending; a mere file name is counted apart."""
    run = write_run(tmp_path / "mine", rows(40))
    (tmp_path / "roi.txt").write_text("AWE_000002\nphotos/fear_000006.png\nother/anger_000001.jpg\nnone\n")
    (tmp_path / "empty.txt").write_text("\n")
    card = written(emogen, run, "--test-ids", tmp_path / "roi.txt")
    assert "| roi.txt | 4 | 2 | 1 |" in card
    assert "awe\\_000002, photos/fear\\_000006.jpg" in card
    refused = emogen("card", run, "--overwrite", "--test-ids", tmp_path / "empty.txt")
    assert refused.code == 2
    assert "empty.txt: lists nothing" in refused.err


def test_foreign_text_is_inert(emogen: Emogen, tmp_path: Path) -> None:
    """Captions, answers and names cannot bring tags, links, headings, table cells or an end of the code block."""
    evil = (
        "<script>alert(1)</script>\n---\n# Owned\n```\n````\n[x](https://evil.example) | a | {{ 7*6 }} \u202e"
    )
    made = []
    for row in rows(4):
        row["record"] |= {
            "caption": evil,
            "emotion": "a|b<i>",
            "labels": ["a|b<i>", evil],
            "origin": {evil: evil},
        }
        row["turns"][0]["answer"] = evil
        row["provenance"]["model"] = evil
        made.append(row)
    run = write_run(tmp_path / "mine", iter(made), notice=evil, parameters={evil: evil})
    card = written(emogen, run, "--name", evil, "--image-source", evil)
    body = card.split("\n---\n", 1)[1]
    outside, inside, after = body.partition("`````json\n")
    block, closed, after = after.partition("\n`````\n")
    assert inside
    assert closed
    assert json.loads(block)["caption"] == evil
    for text in (outside, after):
        assert not any(found in text for found in ("<script", "<i>", "[x](", " | a | ", "{{ 7", "\u202e"))
        assert "# Owned" not in text.splitlines()
    assert metadata_load(run / "README.md")["pretty_name"].startswith("<script>")  # type: ignore[index]


def test_a_card_is_not_replaced_by_accident(emogen: Emogen, tmp_path: Path) -> None:
    """A README that is there stays, unless --overwrite says otherwise."""
    run = write_run(tmp_path / "mine", rows(4))
    (run / "README.md").write_text("mine")
    refused = emogen("card", run)
    assert (refused.code, (run / "README.md").read_text()) == (2, "mine")
    assert "--overwrite" in refused.err


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "3"),
        ("a_b", "a\\_b"),
        ("a\n\n# b", "a \\# b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("http://x", "http\\://x"),
    ],
)
def test_inert(value: object, said: str) -> None:
    """Whatever is not a number becomes one line in which every mark of Markdown is plain."""
    assert str(inert(value)) == said
    assert inert(inert(value)) == inert(value)


def test_a_fence_is_longer_than_any_inside() -> None:
    """A code block ends where it was closed, and nowhere else."""
    assert fenced("a ``` b ```` c").startswith("`````\n")


def test_what_people_decided_is_said_without_their_names(emogen: Emogen, tmp_path: Path) -> None:
    """How many samples how many people looked at, and what came of it; nobody, where that is so."""
    run = write_run(tmp_path / "mine", rows(20))
    assert "no person has\nreviewed them" in written(emogen, run)
    for sample, decision in zip(read_samples(run), ("accept", "edit", "reject", "accept"), strict=False):
        append_review(run, review(sample, "Ann Other", decision))
    text = written(emogen, run, "--overwrite")
    assert "no person has" not in text
    assert "Ann Other" not in text
    assert "Of the 18\nsamples, 4 were looked at by 1 person: 2 accepted, 1 edited, 1\nrejected" in text
    assert "| leak | review | 1 |" in text
