"""What every export format promises, whoever adds it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogen.errors import shorten
from emogen.exporters import EXPORTERS
from emogen.exporters.export import export
from emogen.exporters.validate import validate
from emogen.schemas import ImageRecord, Provenance, Sample, Turn

PROVENANCE = Provenance(backend="none", model="", prompt_sha256="", template_sha256="")

TRAPS = ["<image>", "</s>", "USER:", "ASSISTANT:", " ", "\n", "\0", "..", "../", "/", "C:", "\\", "https://"]

# A small alphabet: hypothesis's table of all of Unicode takes seconds to build in a fresh checkout.
letters = st.text("aZ\u00e9\u2028\U0001f680", min_size=1, max_size=5)
texts = letters | st.lists(st.sampled_from(TRAPS) | letters, min_size=1, max_size=4).map("".join)
turns = st.builds(Turn, question=texts, answer=texts, kind=st.just("basic"))
samples = st.builds(
    Sample,
    record=st.builds(ImageRecord, id=texts, image=texts, origin=st.just({})),
    instruction=letters | st.just("\ud800"),
    turns=st.lists(turns, min_size=1, max_size=3).map(tuple),
    provenance=st.just(PROVENANCE),
)

GOOD = Sample(
    record=ImageRecord(id="good", image="photos/good.jpg"),
    instruction="reasoning",
    turns=(Turn(question="Why?", answer="Because.", kind="reasoning"),),
    provenance=PROVENANCE,
)

every_format = pytest.mark.parametrize("format", EXPORTERS.names())


@every_format
def test_a_good_sample_is_written_with_its_text_unaltered(format: str, tmp_path: Path) -> None:
    """A sample without a fault becomes rows that break no rule and hold its question, answer and picture."""
    out = tmp_path / "out"
    report = export([GOOD], format, out)
    assert (report.written, report.left_out) == (1, 0)
    assert validate(out, format) == []
    written = out.read_text()
    assert all(text in written for text in ("Why?", "Because.", "photos/good.jpg"))


@every_format
@settings(deadline=None)
@given(drawn=st.lists(samples, max_size=4))
def test_any_sample_is_written_validly_or_listed(
    format: str, drawn: list[Sample], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever samples hold, the file is valid, each is in it or listed, and their order is no matter."""
    out = tmp_path_factory.mktemp("export") / "out"
    report = export([GOOD, *drawn], format, out)
    assert validate(out, format) == []
    assert report.written + report.left_out == 1 + len(drawn)
    names = tuple(shorten(sample.id) for sample in drawn)
    assert all(problem.place.startswith(names) for problem in report.skipped)
    assert len(report.skipped) >= report.left_out
    first = out.read_bytes()
    export([*reversed(drawn), GOOD], format, out)
    assert out.read_bytes() == first


@every_format
@pytest.mark.parametrize("row", [None, 1, "text", [], {}], ids=repr)
def test_nonsense_is_reported_not_raised(format: str, row: object) -> None:
    """What is no row at all is a problem with field, rule and remedy, never an exception."""
    problems = EXPORTERS.get(format)().check_row(row)
    assert problems
    assert all(problem.field and problem.rule and problem.remedy for problem in problems)


@every_format
def test_the_format_says_what_it_is_for(format: str) -> None:
    """The first line of each format's docstring is what a list of formats shows."""
    assert len(EXPORTERS.summaries()[format]) > 10
