from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from emogen.errors import InputError
from emogen.schemas import ImageRecord, Provenance, Rejection, Sample, Turn
from emogen.settings.reading import read_settings
from emogen.store import RunFolder, read_manifest, read_rejections, read_samples


def settings(**changed: Any) -> dict[str, Any]:
    return read_settings({"types": ["reasoning"], **changed}).model_dump(mode="json")


MANIFEST: dict[str, Any] = {
    "created": "2026-11-01T00:00:00+00:00",
    "records": "records.jsonl",
    "image_root": "..",
    "types": ["reasoning"],
    "labels": None,
    "backend": "scripted",
    "model": "scripted",
    "parameters": {"temperature": 0.5},
    "templates": {"reasoning": "aaa"},
    "seeds": {"reasoning": "bbb"},
    "examples": 2,
    "seed": 0,
    "settings": settings(),
}


def sample(record_id: str = "a", instruction: str = "reasoning", answer: str = "Because, é\u2028.") -> Sample:
    return Sample(
        record=ImageRecord(id=record_id, image=f"{record_id}.jpg"),
        instruction=instruction,
        turns=(Turn(question="Why?", answer=answer, kind="reasoning"),),
        provenance=Provenance(backend="scripted", model="m", prompt_sha256="", template_sha256=""),
    )


def rejection(record_id: str = "b", stage: Any = "parse", reason: str = "unreadable") -> Rejection:
    return Rejection(record_id=record_id, instruction="reasoning", stage=stage, reason=reason, raw_answer="?")


def opened(path: Path, *, overwrite: bool = False, **changed: Any) -> RunFolder:
    return RunFolder(path, {**MANIFEST, **changed}, overwrite=overwrite)


def test_rows_are_read_back_as_they_were(tmp_path: Path) -> None:
    """Samples and rejections are read back equal, and counted in the manifest."""
    with opened(tmp_path / "runs" / "one") as folder:
        folder.add(sample())
        folder.add(rejection())
        assert read_manifest(folder.path)["state"] == "running"  # type: ignore[index]
    assert list(read_samples(folder.path)) == [sample()]
    assert list(read_rejections(folder.path)) == [rejection()]
    manifest = read_manifest(folder.path)
    assert manifest is not None
    assert manifest["state"] == "complete"
    assert manifest["counts"] == {"kept": {"reasoning": 1}, "rejected": {"unreadable": 1}}


def test_a_row_is_on_disk_when_add_returns(tmp_path: Path) -> None:
    """Nothing is held back in a buffer that a killed process would lose."""
    with opened(tmp_path) as folder:
        folder.add(sample())
        assert list(read_samples(tmp_path)) == [sample()]


def test_a_run_that_failed_says_so(tmp_path: Path) -> None:
    """A run that ended in an exception is left as stopped, with its rows."""
    with suppress(ZeroDivisionError), opened(tmp_path) as folder:
        folder.add(sample())
        raise ZeroDivisionError
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert (manifest["state"], manifest["counts"]["kept"]) == ("stopped", {"reasoning": 1})


def test_resume_knows_what_is_there(tmp_path: Path) -> None:
    """A folder opened again counts its rows, keeps its date and appends."""
    with opened(tmp_path) as folder:
        folder.add(sample("a"))
        folder.add(rejection("b"))
    with opened(tmp_path, created="later") as folder:
        assert folder.done == {("a", "reasoning"), ("b", "reasoning")}
        assert (folder.kept.total(), folder.rejected.total()) == (1, 1)
        folder.add(sample("c"))
    assert [row.record.id for row in read_samples(tmp_path)] == ["a", "c"]
    assert read_manifest(tmp_path)["created"] == MANIFEST["created"]  # type: ignore[index]


@pytest.mark.parametrize("cut", [1, 20, 65_600, 70_000])
def test_a_torn_last_line_is_dropped(tmp_path: Path, cut: int) -> None:
    """A row that a killed process left half written is forgotten, all before it stay."""
    with opened(tmp_path) as folder:
        folder.add(sample("a"))
        folder.add(sample("b", answer="x" * 70_000))
    path = tmp_path / "samples.jsonl"
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(whole[0] + whole[1][: -1 - cut])
    with opened(tmp_path) as folder:
        assert folder.done == {("a", "reasoning")}
        folder.add(sample("b"))
    assert [row.record.id for row in read_samples(tmp_path)] == ["a", "b"]


def test_only_line_torn(tmp_path: Path) -> None:
    """A file that holds nothing but a torn row is as good as empty."""
    with opened(tmp_path) as folder:
        folder.add(sample("a"))
    (tmp_path / "samples.jsonl").write_bytes(b'{"record": {"id')
    with opened(tmp_path) as folder:
        assert folder.done == set()


def test_a_whole_last_line_without_newline_is_kept(tmp_path: Path) -> None:
    """An editor that drops the last newline costs no row."""
    with opened(tmp_path) as folder:
        folder.add(sample("a"))
    path = tmp_path / "samples.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    with opened(tmp_path) as folder:
        assert folder.done == {("a", "reasoning")}
        folder.add(sample("b"))
    assert [row.record.id for row in read_samples(tmp_path)] == ["a", "b"]


def test_failed_requests_are_asked_again(tmp_path: Path) -> None:
    """A request that never got an answer is forgotten on resume; an answer that was rejected is not."""
    with opened(tmp_path) as folder:
        folder.add(rejection("a", "backend", "server_error"))
        folder.add(rejection("c", "prompt", "unreadable_image"))
        folder.add(rejection("b"))
    with opened(tmp_path) as folder:
        assert folder.done == {("b", "reasoning")}
        assert folder.rejected == {"unreadable": 1}
    assert [row.record_id for row in read_rejections(tmp_path)] == ["b"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"model": "other"}, r"model was scripted and is other"),
        ({"parameters": {"temperature": 0.9}}, r"parameters\.temperature was 0\.5 and is 0\.9"),
        ({"parameters": {}}, r"parameters\.temperature was 0\.5 and is None"),
        ({"settings": settings(corrections=0)}, r"corrections was 1 and is 0"),
        (
            {"settings": settings(checks={"length": {"action": "flag"}})},
            r"checks\.length\.action was reject",
        ),
        ({"labels": "joy,fear"}, r"labels was None and is joy,fear"),
        ({"templates": {"reasoning": "zzz"}}, r"templates of reasoning was aaa and is zzz"),
        ({"records": "others.jsonl"}, "records was"),
        ({"image_root": "../elsewhere"}, "image_root was"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    """A folder that holds a run with other settings is refused, naming which, and stays as it was."""
    with opened(tmp_path) as folder:
        folder.add(sample())
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(InputError, match=rf"holds a run with other settings: {named}.*--overwrite"):
        opened(tmp_path, **changed)
    assert (tmp_path / "run.json").read_bytes() == before
    assert list(read_samples(tmp_path)) == [sample()]


def test_limits_and_prices_may_differ(tmp_path: Path) -> None:
    """What changes no answer may change from one command to the next; the manifest then says what covers both."""
    with opened(tmp_path, settings=settings(limit=5)) as folder:
        folder.add(sample())
    other = settings(
        limit=2, prices="p.toml", limits={"max_cost": 3}, types=["conversation"], model={"timeout_s": 9}
    )
    with opened(tmp_path, settings=other, types=["conversation"]):
        pass
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest["settings"] == {**other, "limit": 5, "types": ["reasoning", "conversation"]}
    with opened(tmp_path, settings=settings()):
        pass
    assert read_manifest(tmp_path)["settings"]["limit"] is None  # type: ignore[index]


def test_a_folder_without_rows_takes_any_settings(tmp_path: Path) -> None:
    """A first try that made nothing does not stand in the way of a second one."""
    with opened(tmp_path):
        pass
    with opened(tmp_path, model="other"):
        pass
    assert read_manifest(tmp_path)["model"] == "other"  # type: ignore[index]


def test_more_types_can_be_added(tmp_path: Path) -> None:
    """Another instruction type may join a run; the manifest then speaks of both."""
    with opened(tmp_path) as folder:
        folder.add(sample())
    with opened(tmp_path, types=["conversation"], templates={"conversation": "ccc"}, seeds={}) as folder:
        folder.add(sample("a", "conversation"))
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest["types"] == ["reasoning", "conversation"]
    assert manifest["templates"] == {"reasoning": "aaa", "conversation": "ccc"}
    assert manifest["seeds"] == {"reasoning": "bbb"}


def test_overwrite_starts_anew(tmp_path: Path) -> None:
    """With `overwrite` rows and manifest go; other files in the folder stay."""
    with opened(tmp_path) as folder:
        folder.add(sample())
        folder.add(rejection())
    (tmp_path / "notes.txt").write_text("mine")
    with opened(tmp_path, overwrite=True, model="other") as folder:
        assert folder.done == set()
    assert list(read_samples(tmp_path)) == []
    assert list(read_rejections(tmp_path)) == []
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_samples_without_a_manifest(tmp_path: Path) -> None:
    """Rows of unknown origin are not added to."""
    (tmp_path / "samples.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"holds samples but no run\.json.*--overwrite"):
        opened(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff"])
def test_a_broken_manifest(tmp_path: Path, content: bytes) -> None:
    """A manifest that cannot be read is refused with its path."""
    (tmp_path / "samples.jsonl").write_text("{}\n")
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run\.json: "):
        opened(tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """A folder that is open is locked for all others, `overwrite` or not, until it is closed."""
    with opened(tmp_path) as folder:
        folder.add(sample())
        for overwrite in (False, True):
            with pytest.raises(InputError, match="another process is writing into this run folder"):
                opened(tmp_path, overwrite=overwrite)
    with opened(tmp_path) as folder:
        assert folder.done == {("a", "reasoning")}


def test_a_refused_folder_is_not_left_locked(tmp_path: Path) -> None:
    """A folder that was refused can be opened at once with the right settings."""
    with opened(tmp_path) as folder:
        folder.add(sample())
    with pytest.raises(InputError):
        opened(tmp_path, model="other")
    with opened(tmp_path) as folder:
        assert folder.done


def test_unwritable_places(tmp_path: Path) -> None:
    """A file where the folder should be, and a folder below a file, are refused with the path."""
    file = tmp_path / "file"
    file.touch()
    for path, what in ((file, "is a file"), (file / "run", "cannot be written: .*may write to")):
        with pytest.raises(InputError, match=rf"{path}: {what}"):
            opened(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full disk to try")
def test_a_full_disk_is_one_error(tmp_path: Path) -> None:
    """On a full disk the row's error is raised as ours, and closing the folder raises no second one."""
    (tmp_path / "samples.jsonl").symlink_to("/dev/full")
    with (
        pytest.raises(InputError, match="cannot be written: No space left on device"),
        opened(tmp_path) as folder,
    ):
        folder.add(sample())


def test_a_disk_that_fills_up_leaves_whole_rows(tmp_path: Path) -> None:
    """Where a row does not fit any more, no half of it stays, and the run goes on once there is room."""
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); import test_store as t\n"
        "from emogen.errors import InputError\n"
        "try:\n"
        "    with t.opened(Path(sys.argv[1])) as folder:\n"
        "        for i in range(1000): folder.add(t.sample(f'r{i}'))\n"
        "except InputError as error: print(error)\n"
    )
    limit = 20_000
    done = subprocess.run(
        # Without -B it would leave half of a compiled module behind, too, for every later run to trip over.
        [sys.executable, "-B", "-c", script, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert "cannot be written: File too large" in done.stdout
    content = (tmp_path / "samples.jsonl").read_bytes()
    assert content.endswith(b"}\n")
    assert len(content) > limit - 2000
    assert all(orjson.loads(line) for line in content.splitlines())
    with opened(tmp_path) as folder:
        assert len(folder.done) == content.count(b"\n")


def test_a_broken_row_names_its_line(tmp_path: Path) -> None:
    """A row that is no sample is refused with file, line, field and what to do."""
    good = orjson.dumps(sample().model_dump())
    (tmp_path / "samples.jsonl").write_bytes(good + b'\n{"record": 1}\n')
    with pytest.raises(InputError, match=r"samples\.jsonl:2: record: .*Mend or remove"):
        list(read_samples(tmp_path))
    (tmp_path / "rejections.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(InputError, match=r"rejections\.jsonl:1: "):
        list(read_rejections(tmp_path))


def test_no_samples(tmp_path: Path) -> None:
    """A folder without samples is refused with the command that makes some; no rejections are none."""
    with pytest.raises(InputError, match=r"no samples there.*emogen generate"):
        list(read_samples(tmp_path))
    assert list(read_rejections(tmp_path)) == []


def test_a_samples_file_by_its_name(tmp_path: Path) -> None:
    """A file of samples can be read without its folder."""
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(sample().model_dump(mode="json")) + "\n")
    assert list(read_samples(path)) == [sample()]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_samples_that_may_not_be_read(tmp_path: Path) -> None:
    """A samples file without read permission is refused with its path."""
    path = tmp_path / "samples.jsonl"
    path.touch(mode=0o000)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        list(read_samples(tmp_path))
