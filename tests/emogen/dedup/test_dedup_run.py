"""`emogen dedup` over runs that a stub server answered."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Emogen
from openai_stub import REASONING, OpenAIStub, Reply

from emogen.dedup.run import dedup, find
from emogen.errors import InputError
from emogen.rebuilding import rebuild
from emogen.store import RunFolder, read_manifest, read_rejections, read_samples

WHY = json.loads(REASONING)["question"]
ROCKET = (
    "The rocket stands alone under a wide sky, and steam drifts slowly from its tanks: it will soon be gone."
)
OTHER = "Nobody is there to see it leave, which makes the place feel much larger and lonelier than it may really be."


def answer(text: str, question: str = WHY) -> str:
    return json.dumps({"question": question, "answer": text})


# By record: r1 is nearly r0; r3 is r2 in other letters.
ANSWERS = {
    "r0": answer(ROCKET),
    "r1": answer(ROCKET.replace("wide", "grey")),
    "r2": answer(OTHER, "What does the emptiness around it do?"),
    "r3": answer(OTHER.upper(), "Why is there no one in the picture?"),
}
Make = Callable[..., Path]


@pytest.fixture
def make(emogen: Emogen, tmp_path: Path, stub: OpenAIStub) -> Make:
    """Generate reasoning and categorical rows of the records r0 to r3, asked in the given order."""

    asked: set[tuple[str, str]] = set()

    def run(*ids: str, name: str = "run", types: str = "categorical,reasoning") -> Path:
        out, records = tmp_path / name, tmp_path / "records.jsonl"
        rows = [{"id": i, "image": f"{i}.jpg", "emotion": "awe", "caption": i} for i in ids or ANSWERS]
        records.write_text("".join(json.dumps(row) + "\n" for row in rows))
        # Known rows are not asked again, in a run that is resumed.
        stub.plan = [Reply(text=ANSWERS[row["id"]]) for row in rows if (name, row["id"]) not in asked]
        asked.update((name, row["id"]) for row in rows)
        words = ["generate", records, "--backend", "openai:m", "--base-url", stub.url, "--out", out]
        ran = emogen(*words, "--types", types, "--in-flight", 1)
        assert ran.code == 0, ran.err
        return out

    return run


def lines(run: Path) -> dict[str, list[bytes]]:
    names = ("samples.jsonl", "rejections.jsonl")
    return {name: sorted((run / name).read_bytes().splitlines()) for name in names}


def marks(run: Path) -> dict[str, str | None]:
    return {sample.id: sample.near_duplicate_of for sample in read_samples(run) if sample.near_duplicate_of}


def test_flagged(make: Make, emogen: Emogen) -> None:
    """Near-duplicates are flagged with the one that stays and a score; nothing else changes, a second time nothing."""
    run = make()
    before = lines(run)
    ran = emogen("dedup", run)
    assert ran.code == 0, ran.err
    assert (
        "compared 4 samples by their answers (minhash, threshold 0.7): 2 near-duplicates, of 2 that stay"
        in ran.out
    )
    assert "flagged 2" in ran.out
    assert marks(run) == {"r1/reasoning": "r0/reasoning", "r3/reasoning": "r2/reasoning"}
    flagged = {sample.id: sample for sample in read_samples(run) if sample.near_duplicate_of}
    assert flagged["r3/reasoning"].flags == ("near_duplicate",)
    assert flagged["r3/reasoning"].scores["near_duplicate"] == 1.0
    assert 0.7 <= flagged["r1/reasoning"].scores["near_duplicate"] < 1
    manifest = read_manifest(run)
    assert manifest is not None
    assert manifest["dedup"]["method"] == "minhash"
    assert (manifest["dedup"]["threshold"], manifest["dedup"]["removed"]) == (0.7, False)
    assert manifest["dedup"]["versions"].keys() == {"rensa"}
    after = lines(run)
    assert len(set(before["samples.jsonl"]) & set(after["samples.jsonl"])) == 6
    dedup(run)
    assert lines(run) == after


def test_removed_and_brought_back(make: Make, emogen: Emogen) -> None:
    """Removed rows are rejections with their raw answer; `emogen rebuild` makes the run as it was."""
    run = make()
    before = lines(run)
    ran = emogen("dedup", run, "--remove")
    assert "removed 2 to rejections.jsonl; `emogen rebuild` brings them back" in ran.out
    assert [sample.id for sample in read_samples(run) if sample.instruction == "reasoning"] == [
        "r0/reasoning",
        "r2/reasoning",
    ]
    gone = {rejection.record_id: rejection for rejection in read_rejections(run)}
    assert gone.keys() == {"r1", "r3"}
    assert (gone["r3"].stage, gone["r3"].reason) == ("check", "near_duplicate")
    assert gone["r3"].detail == "of r2/reasoning, score 1"
    assert gone["r3"].raw_answer == ANSWERS["r3"]
    manifest = read_manifest(run)
    assert manifest is not None
    assert manifest["counts"] == {
        "kept": {"categorical": 4, "reasoning": 2},
        "rejected": {"near_duplicate": 2},
    }
    rebuild(run)
    assert lines(run) == before
    manifest = read_manifest(run)
    assert manifest is not None
    assert "dedup" not in manifest


@pytest.mark.parametrize("remove", [False, True])
def test_resumed(make: Make, stub: OpenAIStub, *, remove: bool) -> None:
    """A run that is resumed asks no removed row again, keeps the marks, and new rows are compared with old ones."""
    run = make("r3", "r0")
    assert find(run).clusters == {}
    make("r3", "r0", "r1")
    dedup(run, remove=remove)
    asked = len(stub.bodies)
    make("r3", "r0", "r1", "r2")
    assert len(stub.bodies) == asked + 1
    manifest = read_manifest(run)
    assert manifest is not None
    assert manifest["dedup"]["removed"] is remove
    report = dedup(run, remove=remove)
    # r2 came last, and stays: its id comes first.
    assert (report.clusters.keys() - {"r0/reasoning"}) == {"r2/reasoning"}
    assert ({rejection.record_id for rejection in read_rejections(run)} or set(marks(run))) == (
        {"r1", "r3"} if remove else {"r1/reasoning", "r3/reasoning"}
    )
    rebuild(run)
    assert marks(run) == {}
    assert len(list(read_samples(run))) == 8


def test_arrival_does_not_matter(make: Make) -> None:
    """The same rows in another order of arrival give the same marks."""
    run = make()
    dedup(run)
    wanted = marks(run)
    rows = (run / "samples.jsonl").read_bytes().splitlines(keepends=True)
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        (run / "samples.jsonl").write_bytes(b"".join(rows))
        dedup(run)
        assert marks(run) == wanted


def test_what_is_compared(make: Make) -> None:
    """Questions, answers or both are compared; what no model wrote is alike by design and is not."""
    run = make()
    assert find(run, compare="questions").clusters.keys() == {"r0/reasoning"}
    assert find(run, compare="answers").clusters.keys() == {"r0/reasoning", "r2/reasoning"}
    assert find(run, compare="both").clusters.keys() == {"r0/reasoning"}
    assert find(run).compared == 4


def test_a_dry_run(make: Make, emogen: Emogen) -> None:
    """`--dry-run` lists who stays and who is much like it, and changes nothing."""
    run = make()
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    ran = emogen("dedup", run, "--dry-run", "--threshold", 0.9)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("r2/reasoning stays\n  1.000 r3/reasoning\ncompared 4 samples")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_what_could_not_be_brought_back_stays(make: Make, emogen: Emogen) -> None:
    """A row that the journal does not know is flagged, not removed."""
    run = make()
    for path in run.glob("journal.sqlite*"):
        path.unlink()
    ran = emogen("dedup", run, "--remove")
    assert "flagged 2, since the journal does not know them" in ran.out
    assert "removed" not in ran.out
    assert list(read_rejections(run)) == []
    assert not (run / "journal.sqlite").exists()


def test_a_run_that_is_open(make: Make) -> None:
    """A run that another process writes into is refused and left alone."""
    run = make()
    before = lines(run)
    manifest = read_manifest(run)
    assert manifest is not None
    with RunFolder(run, manifest), pytest.raises(InputError, match="another process"):
        dedup(run)
    assert lines(run) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "minhsah"], "Did you mean 'minhash'"),
        (["--compare", "anwers"], "Did you mean 'answers'"),
        (["--threshold", "0.1"], "greater than or equal to 0.3"),
    ],
)
def test_wrong_words(make: Make, emogen: Emogen, words: list[str], said: str) -> None:
    """An unknown method or scope, and a threshold that means nothing, are refused with what is known."""
    ran = emogen("dedup", make(types="reasoning"), *words)
    assert ran.code == 2
    assert said in ran.err


def test_no_run(tmp_path: Path, emogen: Emogen) -> None:
    """A folder that is no run is refused."""
    ran = emogen("dedup", tmp_path)
    assert ran.code == 2
    assert "is no run folder" in ran.err
