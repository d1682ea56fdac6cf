"""What every export format promises, whoever adds it, in every form that it can have."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from export_tree import contents
from hypothesis import given, settings
from hypothesis import strategies as st

from emogen.errors import CheckFailedError, InputError, UnknownNameError, shorten
from emogen.exporters import EXPORTERS, Images, Turns
from emogen.exporters.drafting import is_plain
from emogen.exporters.examples import examples_of
from emogen.exporters.export import export
from emogen.exporters.options import ExportOptions
from emogen.exporters.validate import validate
from emogen.schemas import ImageRecord, Provenance, Sample, Turn
from emogen.stored import as_stored

PROVENANCE = Provenance(backend="none", model="", prompt_sha256="", template_sha256="")
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)

TRAPS = [
    "<image>",
    "<video>",
    "</s>",
    "USER:",
    "ASSISTANT:",
    " ",
    "\n",
    "\0",
    "\x1b[0m",
    "\x7f",
    "..",
    "../",
    "/",
]
TRAPS += ["C:", "\\", "https://", '"', "{", ".", "__a__"]

# A small alphabet: hypothesis's table of all of Unicode takes seconds to build in a fresh checkout.
letters = st.text("aZ\u00e9\u2028\U0001f680", min_size=1, max_size=5)
texts = letters | st.lists(st.sampled_from(TRAPS) | letters, min_size=1, max_size=4).map("".join)
turns = st.builds(Turn, question=texts, answer=texts, kind=st.just("basic"))
images = st.sampled_from(["photos/a.png", "./photos/a.png", "photos/b.1.PNG", "missing.png"]) | texts
splits = st.sampled_from([None, "train", "val", "test"])
samples = st.builds(
    Sample,
    record=st.builds(ImageRecord, id=texts, image=images, origin=st.just({}), split=splits),
    instruction=letters | st.just("\ud800"),
    turns=st.lists(turns, min_size=1, max_size=3).map(tuple),
    provenance=st.just(PROVENANCE),
)


def sample(record_id: str, image: str = "photos/a.png", answer: str = "Because.", count: int = 1) -> Sample:
    turn = Turn(question="Why?", answer=answer, kind="reasoning")
    return Sample(
        record=ImageRecord(id=record_id, image=image, emotion="awe"),
        instruction="reasoning",
        turns=(turn,) * count,
        provenance=PROVENANCE,
    )


GOOD = sample("good")


def forms() -> Iterator[tuple[str, Turns, Images]]:
    """Every form of every format."""
    for format in EXPORTERS.names():
        exporter = EXPORTERS.get(format)()
        for kind in exporter.turns:
            for way in exporter.layout.images:
                yield format, kind, way


every_format = pytest.mark.parametrize("format", EXPORTERS.names())
every_form = pytest.mark.parametrize(("format", "kind", "way"), list(forms()))


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographs: two names of one picture, and another one."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "photos").mkdir()
    for name in ("a.png", "b.1.PNG", "copy of a.png"):
        (folder / "photos" / name).write_bytes(PIXEL)
    return folder


@pytest.fixture
def options(root: Path) -> Callable[..., ExportOptions]:
    def make(kind: Turns | None = None, way: Images | None = None, **others: object) -> ExportOptions:
        return ExportOptions(turns=kind, images=way, image_root=root, **others)  # type: ignore[arg-type]

    return make


Options = Callable[..., ExportOptions]


@every_form
def test_a_good_sample_is_written_with_its_text_unaltered(
    format: str, kind: Turns, way: Images, options: Options, tmp_path: Path
) -> None:
    """A sample without a fault becomes rows that break no rule and hold its questions, answers and picture."""
    out = tmp_path / "out"
    text = '« Ünïcode » 🚀\u2028 \x1b[0m "quoted" {braces}, and\na second line.'
    report = export([sample("good", answer=text, count=3)], format, out, options(kind, way))
    assert (report.written, report.left_out) == (1, 0)
    assert sum(report.rows.values()) == (3 if kind == "single" else 1)
    assert validate(out, format) == []
    rows = [placed.row for placed in EXPORTERS.get(format)().layout.read(out)]
    assert repr(rows).count(repr(text)[1:-1]) == 3
    assert "a.png" in repr(rows)


@every_form
@settings(deadline=None, max_examples=12)
@given(drawn=st.lists(samples, max_size=4), split_by=st.sampled_from([None, (0.5, 0.25, 0.25)]))
def test_any_sample_is_written_validly_or_listed(
    format: str,
    kind: Turns,
    way: Images,
    drawn: list[Sample],
    split_by: tuple[float, float, float] | None,
    root: Path,
    new_folder: Callable[[], Path],
) -> None:
    """Whatever samples hold, the export is valid, each is in it or listed, and their order is no matter."""
    folder = new_folder()
    options = ExportOptions(turns=kind, images=way, image_root=root, split_by=split_by)
    report = export([GOOD, *drawn], format, folder / "first", options)
    assert validate(folder / "first", format) == []
    assert report.written + report.left_out == 1 + len(drawn)
    names = (*(shorten(each.id) for each in drawn), "good/reasoning")
    assert all(problem.place.startswith(names) for problem in report.skipped)
    assert len(report.skipped) >= report.left_out
    export([*reversed(drawn), GOOD], format, folder / "second", options)
    assert contents(folder / "first") == contents(folder / "second")


@every_format
def test_the_same_samples_give_the_same_bytes(format: str, options: Options, tmp_path: Path) -> None:
    """Forty samples in any order, exported at any time, are one export."""
    pair = ("photos/a.png", "photos/b.1.PNG")
    many = [sample(f"r{number:02}", pair[number % 2]) for number in range(40)]
    seen = []
    for seed in range(3):
        random.Random(seed).shuffle(many)
        out = tmp_path / str(seed)
        export(iter(many), format, out, options(split_by=(0.5, 0.25, 0.25)))
        seen.append(contents(out))
        for path in [tmp_path, *tmp_path.rglob("*")]:
            os.utime(path, (seed, seed))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]


@every_format
@given(drawn=samples)
def test_what_is_said_to_be_plain_is_taken(format: str, drawn: Sample) -> None:
    """A format that says so has no rule that a row of plain text about a plainly named image breaks."""
    exporter = EXPORTERS.get(format)()
    stored = as_stored(drawn)
    if exporter.takes_plain and is_plain(stored):
        for kind in exporter.turns:
            for example in examples_of(stored, "photos/a.png", kind):
                assert exporter.check_row(exporter.row(example)) == []


@every_format
@pytest.mark.parametrize("row", [None, 1, "text", [], {}], ids=repr)
def test_nonsense_is_reported_not_raised(format: str, row: object) -> None:
    """What is no row at all is a problem with field, rule and remedy, never an exception."""
    problems = EXPORTERS.get(format)().check_row(row)
    assert problems
    assert all(problem.field and problem.rule and problem.remedy for problem in problems)


@every_format
def test_the_picture_s_token_in_a_text_is_never_written(
    format: str, options: Options, tmp_path: Path
) -> None:
    """Nearly every consumer takes `<image>` for a picture: a text that speaks of it is left out and listed."""
    report = export([GOOD, sample("bad", answer="It says <image>.")], format, tmp_path / "out", options())
    assert (report.written, report.left_out) == (1, 1)
    assert report.skipped[0].place == "bad/reasoning"
    assert "<image>" in report.skipped[0].rule


@every_form
def test_a_missing_image_is_listed(
    format: str, kind: Turns, way: Images, options: Options, tmp_path: Path
) -> None:
    """Where the images belong to the export, a sample without its image is left out; else nobody looks for it."""
    both = [GOOD, sample("gone", "photos/gone.png")]
    report = export(both, format, tmp_path / "out", options(kind, way))
    assert report.written == (2 if way == "reference" else 1)
    if way != "reference":
        assert "must be a file that is there" in report.skipped[0].rule
        with pytest.raises(CheckFailedError, match="gone/reasoning: image must be a file"):
            export(both[1:], format, tmp_path / "other", options(kind, way))
        assert not (tmp_path / "other").exists()


@every_format
def test_nothing_to_export_is_an_error(format: str, options: Options, tmp_path: Path) -> None:
    """An empty run is said to be empty, and leaves nothing behind."""
    with pytest.raises(InputError, match="no samples"):
        export([], format, tmp_path / "out", options())
    assert list(tmp_path.iterdir()) == []


@every_form
def test_a_failure_halfway_leaves_what_was_there(
    format: str, kind: Turns, way: Images, options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at the very end ends in our error; the earlier export is whole and nothing else stays."""
    out = tmp_path / "out"
    export([GOOD], format, out, options(kind, way))
    before = contents(out)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        export([GOOD, sample("more")], format, out, options(kind, way, overwrite=True))
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@every_form
def test_a_broken_sample_halfway_leaves_nothing(
    format: str, kind: Turns, way: Images, options: Options, tmp_path: Path
) -> None:
    """Where reading the samples fails, whatever was made of those before it is gone."""

    def broken() -> Iterator[Sample]:
        yield GOOD
        raise InputError("line 2 is broken")

    with pytest.raises(InputError, match="line 2 is broken"):
        export(broken(), format, tmp_path / "out", options(kind, way))
    assert list(tmp_path.iterdir()) == []


@every_format
def test_what_a_format_cannot_be_is_refused(format: str, options: Options, tmp_path: Path) -> None:
    """A form that a format does not have is answered with those that it has."""
    exporter = EXPORTERS.get(format)()
    for kind in set(get_args(Turns)) - set(exporter.turns):
        with pytest.raises(UnknownNameError, match=", ".join(sorted(exporter.turns))):
            export([GOOD], format, tmp_path / "out", options(kind))
    for way in set(get_args(Images)) - set(exporter.layout.images):
        with pytest.raises(UnknownNameError, match=", ".join(sorted(exporter.layout.images))):
            export([GOOD], format, tmp_path / "out", options(None, way))


@every_format
def test_the_format_says_what_it_is_for(format: str) -> None:
    """The first line of each format's docstring is what a list of formats shows."""
    assert len(EXPORTERS.summaries()[format]) > 10
