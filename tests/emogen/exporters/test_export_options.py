"""What of the samples is exported: turns, types, flags, and where the images lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from emogen.errors import InputError, UnknownNameError
from emogen.exporters.export import KEPT_PROBLEMS, export
from emogen.exporters.options import ExportOptions, FlagRule, flag_rule
from emogen.schemas import Sample, Turn


def rows(
    samples: list[Sample], tmp_path: Path, format: str = "llava", **options: Any
) -> list[dict[str, Any]]:
    out = tmp_path / "out.json"
    export(samples, format, out, ExportOptions(**options))
    loaded: list[dict[str, Any]] = orjson.loads(out.read_bytes())
    return loaded


def test_single_turns_are_rows_of_their_own(samples: list[Sample], tmp_path: Path) -> None:
    """Each question of a conversation can stand alone: a picture, and the number of the turn in its id."""
    found = rows(samples, tmp_path, turns="single")
    assert [row["id"] for row in found] == [
        "cat/reasoning",
        "rocket/categorical",
        "rocket/conversation/0",
        "rocket/conversation/1",
        "rocket/conversation/2",
    ]
    assert [row["conversations"][0]["value"] for row in found[2:]] == [
        f"<image>\n{turn.question}" for turn in samples[0].turns
    ]
    assert all(len(row["conversations"]) == 2 for row in found)


def test_types_are_chosen(samples: list[Sample], tmp_path: Path) -> None:
    """Only samples of the instruction types that are asked for are written, and the others are counted."""
    found = rows(samples, tmp_path, types=frozenset({"reasoning", "categorical"}))
    assert [row["id"] for row in found] == ["cat/reasoning", "rocket/categorical"]
    report = export(samples, "llava", tmp_path / "o", ExportOptions(types=frozenset({"reasoning"})))
    assert report.not_asked == 2
    with pytest.raises(InputError, match=r"none of 3 samples.*--types"):
        export(samples, "llava", tmp_path / "o", ExportOptions(types=frozenset({"nothing"})))


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("keep", "0123"),
        ("drop", "0"),
        ("drop:length", "02"),
        ("drop:length, refusal", "0"),
        ("keep:length", "01"),
        ("keep:length,refusal", "0123"),
        ("drop:other", "0123"),
    ],
)
def test_flags_are_kept_or_dropped_by_reason(rule: str, kept: str, make_sample: Any, tmp_path: Path) -> None:
    """A sample without flags is always written; a flagged one as the rule says of its reasons."""
    flags = [(), ("length",), ("refusal",), ("length", "refusal")]
    samples = [
        make_sample(str(number)).model_copy(update={"flags": each}) for number, each in enumerate(flags)
    ]
    found = rows(samples, tmp_path, flags=flag_rule(rule))
    assert [row["id"].split("/")[0] for row in found] == list(kept)


def test_other_rules_for_flags_are_refused() -> None:
    """A slip is answered with the right word, a rule without reasons with an example."""
    assert flag_rule("drop") == FlagRule("drop")
    with pytest.raises(UnknownNameError, match="Did you mean 'drop'"):
        flag_rule("dorp:length")
    with pytest.raises(InputError, match="no reason after drop:"):
        flag_rule("drop: ,")


def test_images_are_copied_and_linked(make_sample: Any, tmp_path: Path) -> None:
    """Rows name the images inside the export; copies are the very bytes, links lead to the file wherever both move."""
    root = tmp_path / "root"
    (root / "photos" / "ü").mkdir(parents=True)
    (root / "photos" / "ü" / "a.jpg").write_bytes(b"\xff\xd8picture")
    both = [make_sample("a", image="photos\\ü\\a.jpg"), make_sample("b", image="./photos/ü/a.jpg")]
    for way in ("copy", "link"):
        out = tmp_path / way
        report = export(both, "llava", out, ExportOptions(images=way, image_root=root))  # type: ignore[arg-type]
        assert report.rows == {"train": 2}
        names = {row["image"] for row in orjson.loads((out / "train.json").read_bytes())}
        assert names == {"images/photos/ü/a.jpg"}
        (image,) = (path for path in (out / "images").rglob("*") if not path.is_dir())
        assert image.read_bytes() == b"\xff\xd8picture"
        assert image.is_symlink() == (way == "link")
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("root", "link"):
        (tmp_path / name).rename(moved / name)
    assert (moved / "link" / "images" / "photos" / "ü" / "a.jpg").read_bytes() == b"\xff\xd8picture"


def test_a_folder_is_replaced_only_where_an_export_made_it(make_sample: Any, tmp_path: Path) -> None:
    """A folder with somebody's files is never touched, an earlier export only on request, an empty one always."""
    out = tmp_path / "out"
    out.mkdir()
    options = {"split_by": (1.0, 0.0, 0.0)}
    export([make_sample("a")], "llava", out, ExportOptions(**options))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"holds an earlier export.*--overwrite"):
        export([make_sample("b")], "llava", out, ExportOptions(**options))  # type: ignore[arg-type]
    export([make_sample("b")], "llava", out, ExportOptions(**options, overwrite=True))  # type: ignore[arg-type]
    assert b'"b/conversation"' in (out / "train.json").read_bytes()
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").touch()
    with pytest.raises(InputError, match="holds files that no export made"):
        export([make_sample("a")], "llava", own, ExportOptions(**options, overwrite=True))  # type: ignore[arg-type]
    assert [path.name for path in own.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_image_that_may_not_be_read_is_an_error(make_sample: Any, tmp_path: Path) -> None:
    """A file without the right to read it is named, and nothing is written."""
    (tmp_path / "a.jpg").touch(mode=0o000)
    options = ExportOptions(images="copy", image_root=tmp_path)
    with pytest.raises(InputError, match=r"a\.jpg: cannot be read"):
        export([make_sample("a", image="a.jpg")], "llava", tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_problems_are_kept_up_to_a_number(make_sample: Any, tmp_path: Path) -> None:
    """Of a run in which all is wrong, all samples are counted and the first problems are told."""
    bad = Turn(question="What is <image>?", answer="Fine.", kind="basic")
    samples = [make_sample("good"), *(make_sample(f"{n:04}", bad) for n in range(KEPT_PROBLEMS + 5))]
    report = export(samples, "llava", tmp_path / "out.json")
    assert report.left_out == KEPT_PROBLEMS + 5
    assert len(report.skipped) == KEPT_PROBLEMS
