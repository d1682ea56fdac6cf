"""From samples to a file: its bytes, what is left out, and what happens when it fails."""

from __future__ import annotations

import os
import random
import sqlite3
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest
from export_tree import contents

from emogen.errors import CheckFailedError, InputError, UnknownNameError
from emogen.exporters import EXPORTERS
from emogen.exporters.export import ExportReport, export
from emogen.exporters.options import ExportOptions
from emogen.schemas import Sample, Turn

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("format", [path.name for path in sorted(GOLDEN.iterdir())])
def test_the_export_is_the_golden_one(
    format: str, samples: list[Sample], pictures: Path, tmp_path: Path
) -> None:
    """Each format is what it was, byte by byte; a wanted change is made by replacing the golden files."""
    out = tmp_path / "out"
    export(samples, format, out, ExportOptions(image_root=pictures, split_by=(0.5, 0.5, 0.0), split_seed=3))
    assert contents(out) == contents(GOLDEN / format)


@pytest.mark.parametrize("format", EXPORTERS.targets())
def test_every_format_of_ours_has_golden_files(format: str) -> None:
    """No format can change unnoticed; Parquet's bytes are pyarrow's, and what they hold is tested elsewhere."""
    assert (GOLDEN / format).is_dir() or format == "parquet"


def test_the_report_counts_rows_and_samples(samples: list[Sample], tmp_path: Path) -> None:
    """The report tells samples from the rows that they became."""
    out = tmp_path / "out.json"
    assert export(samples, "instructblip", out) == ExportReport(
        path=out,
        rows={"all": 5},
        written=3,
        not_asked=0,
        other_splits=0,
        moved=0,
        left_out=0,
        skipped=(),
    )


def test_a_sample_that_breaks_a_rule_is_left_out_whole_and_listed(make_sample: Any, tmp_path: Path) -> None:
    """One bad turn leaves out its whole sample, and the list names the place, field and rule."""
    bad = make_sample(
        "bad",
        Turn(question="Fine?", answer="Fine.", kind="basic"),
        Turn(question="What is <image>?", answer="USER: me", kind="basic"),
    )
    out = tmp_path / "out.json"
    report = export([bad, make_sample("good")], "instructblip", out)
    assert (report.rows, report.written, report.left_out) == ({"all": 1}, 1, 1)
    assert [(problem.place, problem.field) for problem in report.skipped] == [
        ("bad/conversation (turn 2 of 2)", "question"),
        ("bad/conversation (turn 2 of 2)", "answer[0]"),
    ]
    assert [row["question"] for row in orjson.loads(out.read_bytes())] == ["What is it?"]


def test_of_two_samples_with_one_id_the_same_is_kept(make_sample: Any, tmp_path: Path) -> None:
    """Which of two samples with one id is written does not depend on which came first."""
    twins = [make_sample("a", Turn(question="Q", answer=text, kind="basic")) for text in ("z", "b", "USER:")]
    for order in (twins, twins[::-1]):
        report = export(order, "llava", tmp_path / "out.json")
        (row,) = orjson.loads((tmp_path / "out.json").read_bytes())
        assert row["conversations"][1]["value"] == "b"
        assert sorted(problem.field for problem in report.skipped) == ["conversations[1].value", "id"]


def test_completion_order_does_not_matter(make_sample: Any, tmp_path: Path) -> None:
    """The same samples give the same bytes in any order."""
    samples = [make_sample(f"{i:02}", instruction=kind) for i in range(9) for kind in ("x", "y")]
    seen = set()
    for seed in range(4):
        random.Random(seed).shuffle(samples)
        export(iter(samples), "llava", tmp_path / "out.json")
        seen.add((tmp_path / "out.json").read_bytes())
    assert len(seen) == 1


def test_no_samples_is_an_error(tmp_path: Path) -> None:
    """An empty run is said to be empty, and makes no file."""
    with pytest.raises(InputError, match="no samples"):
        export([], "llava", tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_when_nothing_fits_nothing_is_written(make_sample: Any, tmp_path: Path) -> None:
    """Where every sample breaks a rule, the first is named and an existing file stays."""
    out = tmp_path / "out.json"
    out.write_text("precious")
    with pytest.raises(
        CheckFailedError, match=r"not one of 1 samples.*a/conversation: image must be relative"
    ):
        export([make_sample("a", image="/etc/a.jpg")], "llava", out)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.json", "precious")]


def test_a_failure_halfway_leaves_the_old_file(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends in our error; the old file is whole and no temporary file stays."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out.json"
    out.write_text("precious")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        export(samples, "llava", out)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.json", "precious")]


@pytest.mark.parametrize("opened", [True, False])
def test_an_index_without_room_leaves_the_old_file(
    opened: bool, samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder for temporary files is full or may not be written, the error says which folder it is."""

    def few_pages(*words: Any, **options: Any) -> sqlite3.Connection:
        if not opened:
            raise sqlite3.OperationalError("unable to open database file")
        connection = connect(*words, **options)
        connection.execute("PRAGMA max_page_count=2")
        return connection

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", few_pages)
    out = tmp_path / "out.json"
    out.write_text("precious")
    with pytest.raises(InputError, match=r"folder for temporary files.*TMPDIR"):
        export(samples, "llava", out)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.json", "precious")]


def test_the_memory_of_an_export_does_not_grow(make_sample: Any, tmp_path: Path) -> None:
    """Four times as many samples, each of an image of its own, hardly take more memory on the way."""
    peaks = []
    for count in (1000, 4000):
        made = (make_sample(f"record {n}", image=f"photos/{n}.jpg") for n in range(count))
        tracemalloc.start()
        export(made, "instructblip", tmp_path / "out.json")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 3000 * 50


def test_a_bug_halfway_leaves_no_file(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that is not ours passes through, and nothing half-written stays."""

    def dumps(_: object) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(orjson, "dumps", dumps)
    with pytest.raises(ZeroDivisionError):
        export(samples, "llava", tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced(samples: list[Sample], tmp_path: Path) -> None:
    """A second export replaces the first, readable by whom the user's mask allows."""
    out = tmp_path / "out.json"
    out.write_text("old")
    export(samples, "llava", out)
    plain = tmp_path / "plain"
    plain.touch()
    assert len(orjson.loads(out.read_bytes())) == 3
    assert out.stat().st_mode == plain.stat().st_mode


def test_a_link_stays_a_link(samples: list[Sample], tmp_path: Path) -> None:
    """Writing to a symbolic link replaces the file that it points to."""
    (tmp_path / "real.json").write_text("old")
    link = tmp_path / "link.json"
    link.symlink_to("real.json")
    export(samples, "llava", link)
    assert link.is_symlink()
    assert len(orjson.loads((tmp_path / "real.json").read_bytes())) == 3


@pytest.mark.parametrize("name", ["", "file/out.json", "missing/out.json", "x" * 300])
def test_an_unusable_place_is_an_error_with_a_remedy(
    name: str, samples: list[Sample], tmp_path: Path
) -> None:
    """A folder, a path through a file, a missing folder and an impossible name are each our error."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        export(samples, "llava", tmp_path / name)
    assert caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_device_is_not_replaced(samples: list[Sample]) -> None:
    """Moving the file onto a device would destroy it for everybody."""
    with pytest.raises(InputError, match="not an ordinary file"):
        export(samples, "llava", Path("/dev/null"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_an_error(samples: list[Sample], tmp_path: Path) -> None:
    """A folder that may not be written to is said to be so."""
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        export(samples, "llava", tmp_path / "out.json")
    tmp_path.chmod(0o700)


def test_an_unknown_format_names_the_nearest(samples: list[Sample], tmp_path: Path) -> None:
    """A slip in the format's name is answered with the right one."""
    with pytest.raises(UnknownNameError, match="Did you mean 'llava'"):
        export(samples, "lava", tmp_path / "out.json")
