"""`emogen report`: one file that asks nobody for anything, says what is there, and runs nothing that is foreign."""

from __future__ import annotations

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from PIL import Image

from benchmarks.report.made_run import rows, write_run
from emogen.cli_report import report
from emogen.report.tally import tally

EVIL = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"' onload=alert(3) $x_{1}$ \u202e\x00 "
    "{{ 7*6 }} &lt;"
)


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, text, and ids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str, kind: str | None = None) -> list[dict[str, str | None]]:
        found = [attrs for name, attrs in self.tags if name == tag]
        return (
            found
            if kind is None
            else [attrs for attrs in found if (attrs.get("class") or "").startswith(kind)]
        )

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module", autouse=True)
def few_texts() -> Iterator[None]:
    """What is measured is tested elsewhere; here it is measured on few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emogen.report.measures.SELF_BLEU_TEXTS", 4)
        yield


def page(emogen: Emogen, *words: object, out: Path) -> Page:
    ran = emogen("report", *words, "--out", out)
    assert ran.code == 0, ran.err
    return Page(out.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 400 rows, with photographs of its first records beside it."""
    folder = tmp_path_factory.mktemp("runs")
    run = write_run(folder / "mine", rows(400))
    (folder / "photos").mkdir()
    image = Image.new("RGB", (900, 600), (200, 40, 40))
    exif = Image.Exif()
    exif[0x010E] = "Secret Street 5"
    for line in (run / "samples.jsonl").read_text().splitlines()[::2]:
        image.save(folder / json.loads(line)["record"]["image"], exif=exif)
    return run


@pytest.fixture(scope="module")
def html(mine: Path) -> str:
    """The page of `mine`, made once."""
    report(mine)
    return (mine / "report.html").read_text(encoding="utf-8")


def test_all_that_is_promised_is_there(html: str) -> None:
    """Every section has its figures, every chart its title, its description and its numbers as a table."""
    found = Page(html)
    ids = Counter(attrs["id"] for _, attrs in found.tags if attrs.get("id"))
    assert set(ids.values()) == {1}
    sections = (
        "overview",
        "made",
        "funnel",
        "texts",
        "known",
        "diversity",
        "grounded",
        "cost",
        "examples",
        "gallery",
    )
    assert {*sections, "again"} <= ids.keys()
    links = [(attrs["href"] or "")[1:] for attrs in found.of("a")]
    assert set(links) <= ids.keys()
    charts = [attrs for attrs in found.of("svg") if attrs.get("role") == "img"]
    assert len(charts) >= 10
    for attrs in charts:
        assert set((attrs["aria-labelledby"] or "").split()) <= ids.keys()
    assert len(found.of("figure")) == len(found.of("summary")) - len(found.of("details", "reason"))
    for said in (
        "360",
        "40 (10.0%)",
        "gpt-large-2026",
        "0.3900",
        "self-BLEU-4",
        "2" * 64,
        "source_leak",
        "--parser",
    ):
        assert said in found.text


def test_the_page_asks_for_nothing(html: str) -> None:
    """No address leads out of the file, and its own rule forbids every request and every script but its own."""
    found = Page(html)
    for _, attrs in found.tags:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            assert (attrs.get(name) or "#").startswith(("#", "data:image/jpeg;base64,"))
    (rule,) = [attrs["content"] or "" for attrs in found.of("meta") if attrs.get("http-equiv")]
    assert rule.startswith("default-src 'none'; img-src data:;")
    assert re.search(r"script-src 'sha256-[\w+/=]+'", rule)
    assert "url(http" not in html
    assert "@import" not in html


def test_pictures_are_small_copies_without_metadata(html: str) -> None:
    """A photograph is scaled down and bare; one that is not there is said to be missing."""
    found = Page(html)
    pictures = [(attrs["src"] or "").partition(",")[2] for attrs in found.of("img")]
    assert pictures
    for picture in map(base64.b64decode, pictures):
        with Image.open(io.BytesIO(picture)) as image:
            assert max(image.size) == 240
            assert not image.getexif()
        assert b"Secret" not in picture
    assert "the image file is missing" in found.text
    assert all(attrs["alt"] for attrs in found.of("img"))


def test_each_reason_has_examples(html: str) -> None:
    """Three rejections of each reason are shown with what was seen and what was answered."""
    examples = html[html.index('id="examples"') : html.index('id="gallery"')]
    for reason in ("unreadable", "source_leak", "length", "timeout"):
        block = examples.split(f"<summary>{reason} ")[1].split("</details>")[0]
        assert block.count("<article>") == 3
        assert "answer says" in block
    assert examples.count("The caption says that it is so.") == 9


def test_foreign_text_is_only_text(emogen: Emogen, tmp_path: Path) -> None:
    """Captions, answers, labels, names and reasons cannot make a tag, an attribute or a script."""
    made: list[dict[str, Any]] = []
    for number, row in enumerate(rows(20)):
        if "record" in row:
            row["record"] |= {
                "id": f"{EVIL}{number}",
                "caption": EVIL,
                "emotion": EVIL,
                "labels": [EVIL, "b"],
            }
            row["record"] |= {"image": EVIL, "origin": {EVIL: EVIL}, "split": EVIL}
            row["turns"] = [{"question": EVIL, "answer": EVIL, "kind": kind} for kind in (EVIL, "reasoning")]
            row |= {"flags": [EVIL], "instruction": EVIL, "near_duplicate_of": EVIL}
        else:
            row |= {"reason": EVIL, "detail": EVIL, "raw_answer": EVIL}
        row["provenance"] = None if row["provenance"] is None else row["provenance"] | {"model": EVIL}
        made.append(row)
    run = write_run(
        tmp_path / "run", iter(made), notice=EVIL, model=EVIL, parameters={EVIL: EVIL}, versions=EVIL
    )
    found = page(emogen, run, out=tmp_path / "r.html")
    assert len(found.of("script")) == 1
    assert not any(name.startswith("on") for _, attrs in found.tags for name in attrs)
    assert not [attrs for attrs in found.of("img") if attrs["src"] == "x"]
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "\u202e" not in html
    assert "\x00" not in html
    assert "alert(1)" in found.text
    assert "{{ 7*6 }}" in found.text


def test_two_runs_stand_side_by_side(emogen: Emogen, mine: Path, tmp_path: Path) -> None:
    """The same figures of both runs stand in columns, charts have one scale, and an image's rows of both one card."""
    other = write_run(tmp_path / "other", (row for row in rows(200) if row.get("instruction") == "reasoning"))
    found = page(emogen, mine, other, out=tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    overview = html[html.index('id="overview"') : html.index('id="made"')]
    assert '<td class="words">360</td><td class="words">80</td>' in overview
    assert "mine and other" in found.text
    cards = html[html.index('class="cards"') : html.index('id="again"')].split("<article")[1:]
    both = [card for card in cards if "<span>mine</span>" in card and "<span>other</span>" in card]
    assert len(both) > 10
    assert all(card.count("<h3>") == 1 for card in cards)


def test_figures_as_json(emogen: Emogen, mine: Path) -> None:
    """--json prints the page's figures and writes nothing."""
    before = {path.name for path in mine.iterdir()}
    ran = emogen("report", mine, "--json")
    (one,) = json.loads(ran.out)["runs"]
    assert one["figures"]["samples"] == 360
    assert one["figures"]["kept"]["reasoning"]["fear"] > 0
    assert 0 < one["measures"]["diversity"]["reasoning"]["distinct_2"] < 1
    assert one["measures"]["named"]["advanced"]["object"] == 1
    assert {path.name for path in mine.iterdir()} == before


def test_an_older_report_is_replaced_by_the_same_bytes(emogen: Emogen, mine: Path, html: str) -> None:
    """A report can be compared with an earlier one, and takes its place; it takes that of nothing else."""
    assert emogen("report", mine).code == 0
    assert (mine / "report.html").read_text(encoding="utf-8") == html
    refused = emogen("report", mine, "--out", mine / "samples.jsonl")
    assert refused.code == 2
    assert "is no report" in refused.err


def test_another_seed_draws_other_rows(mine: Path) -> None:
    """What is shown depends on the seed."""
    shown = [
        {row.record.id for draw in tally(mine, seed=seed).drawn.values() for row in draw.rows()}
        for seed in (0, 0, 1)
    ]
    assert shown[0] == shown[1] != shown[2]


def test_a_run_without_samples(emogen: Emogen, tmp_path: Path) -> None:
    """A run that kept nothing, or says nothing of itself, has a report all the same."""
    run = write_run(tmp_path / "run", (row for row in rows(100) if "reason" in row))
    (run / "run.json").unlink()
    found = page(emogen, run, out=tmp_path / "r.html")
    assert "the run does not say which image this is" in found.text
    assert "10 (100.0%)" in found.text
