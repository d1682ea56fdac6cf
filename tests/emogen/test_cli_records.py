from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Emogen
from openai_stub import REASONING
from source_layouts import IMAGES, emoset, parquet_folder, write_json

MIKELS = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def ten_of_each(tmp_path: Path) -> Path:
    """A records file with ten training and two test records of each of the eight emotions."""
    path = tmp_path / "all.jsonl"
    rows = [
        {
            "id": f"{emotion}_{i}",
            "image": f"{emotion}_{i}.jpg",
            "emotion": emotion,
            "split": "test" if i > 9 else "train",
        }
        for i in range(12)
        for emotion in MIKELS
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_data_set_becomes_a_records_file(emogen: Emogen, tmp_path: Path) -> None:
    """The command writes the records, shows how many there are of each kind, and what the source lacks."""
    out = tmp_path / "records.jsonl"
    ran = emogen("records", emoset(tmp_path / "EmoSet"), "--out", out)
    assert ran.code == 0, ran.err
    assert [line["id"] for line in lines(out)] == [name for _, _, name in IMAGES]
    assert f"wrote 4 records → {out}" in ran.out
    assert ran.out.splitlines()[1:] == [
        "           train  test  all",
        "  awe          2     0    2",
        "  fear         1     0    1",
        "  sadness      0     1    1",
        "  all          3     1    4",
    ]
    assert "not EmoSet-118K as published: 4 of 118,102 images" in ran.err
    assert "train amusement: 0 of 15,681" in ran.err


def test_left_out_rows_are_a_failure(emogen: Emogen, tmp_path: Path) -> None:
    """What can be used is written, what cannot is shown and listed, and the exit code says so."""
    folder = emoset(tmp_path / "EmoSet", annotations={"awe_00000": {"emotion": "fear"}})
    out = tmp_path / "records.jsonl"
    ran = emogen("records", folder, "--out", out)
    assert ran.code == 1
    assert len(lines(out)) == 3
    assert "left out" in ran.err
    assert "train.json: row 1" in ran.err
    assert "records.problems.jsonl" in ran.err
    assert len(lines(tmp_path / "records.problems.jsonl")) == 1


def test_many_problems_are_not_all_shown(emogen: Emogen, tmp_path: Path) -> None:
    """The first problems are shown, the rest counted; all of them are in the file."""
    folder = emoset(tmp_path / "EmoSet")
    rows = json.loads((folder / "train.json").read_text())
    write_json(folder / "train.json", [*rows, *[["awe", "../up.jpg", "x"]] * 30])
    ran = emogen("records", folder, "--out", tmp_path / "records.jsonl")
    assert ran.err.count("left out") == 10
    assert "… and 20 more" in ran.err
    assert len(lines(tmp_path / "records.problems.jsonl")) == 30


def test_missing_images_are_said(emogen: Emogen, tmp_path: Path) -> None:
    """Records whose images are not there are written, and the command says how many they are."""
    folder = emoset(tmp_path / "EmoSet")
    (folder / "image/awe/awe_00002.jpg").unlink()
    ran = emogen("records", folder, "--out", tmp_path / "records.jsonl")
    assert ran.code == 0
    assert "1 of the images are not there" in ran.err
    assert "image/awe/awe_00002.jpg" in ran.err


def test_a_selection(emogen: Emogen, tmp_path: Path, ten_of_each: Path) -> None:
    """Options of a selection go together; a smaller share lies inside of a larger one."""
    taken = {}
    for share in ("20%", "50%"):
        out = tmp_path / f"{share}.jsonl"
        ran = emogen("records", ten_of_each, "--split", "train", "--sample", share, "--out", out)
        assert ran.code == 0, ran.err
        taken[share] = {line["id"] for line in lines(out)}
    assert (len(taken["20%"]), len(taken["50%"])) == (16, 40)
    assert taken["20%"] < taken["50%"]
    balanced = tmp_path / "balanced.jsonl"
    emogen("records", ten_of_each, "--per-class", 3, "--out", balanced)
    assert len(lines(balanced)) == 24
    rows = tmp_path / "rows.jsonl"
    emogen("records", ten_of_each, "--preset", "emovit-release", "--class-rows", "4:6", "--out", rows)
    assert [line["id"] for line in lines(rows)] == [f"{emotion}_{i}" for i in (4, 5) for emotion in MIKELS]


def test_a_preset_that_the_data_cannot_fill(emogen: Emogen, tmp_path: Path, ten_of_each: Path) -> None:
    """The paper's selection of a small data set is refused with what there is and what to do."""
    ran = emogen("records", ten_of_each, "--preset", "paper-51200", "--out", tmp_path / "x.jsonl")
    assert ran.code == 2
    assert "6,400 of each class are wanted" in ran.err
    assert "amusement 10, anger 10" in ran.err
    assert "at most 10 of each (--per-class)" in ran.err
    assert not (tmp_path / "x.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sample", "0"], "--sample: not a share"),
        (["--class-rows", "9"], "--class-rows: not a range"),
        (["--split", "trian"], "--split: unknown split 'trian'. Did you mean 'train'"),
        (["--preset", "paper"], "--preset: unknown preset"),
        (["--per-class", "0"], "--per-class: not above 0"),
        (["--source", "emoste"], "Did you mean 'emoset'"),
        (["--labels", "plutchik"], "--labels: unknown label set"),
        (["--captions", "missing.json"], "missing.json: cannot be read"),
    ],
)
def test_refused_options(
    emogen: Emogen, tmp_path: Path, ten_of_each: Path, words: list[str], expected: str
) -> None:
    """An option that cannot be used is named in one line with the remedy, for both commands that take it."""
    ran = emogen("records", ten_of_each, *words, "--out", tmp_path / "x.jsonl")
    assert (ran.code, expected in ran.err) == (2, True), ran.err
    ran = emogen("generate", ten_of_each, *words, "--types", "categorical", "--out", tmp_path / "run")
    assert (ran.code, expected in ran.err) == (2, True), ran.err


def test_captions_are_joined_and_counted(emogen: Emogen, tmp_path: Path, ten_of_each: Path) -> None:
    """The command says how many captions were joined and which record has none."""
    captions = tmp_path / "captions.json"
    captions.write_text('{"awe_1.jpg": "A bird.", "fear_1": "A wolf."}')
    out = tmp_path / "x.jsonl"
    ran = emogen("records", ten_of_each, "--captions", captions, "--out", out)
    assert "captions: 2 joined, 94 records have none, the first 'amusement_0'" in ran.out
    assert {line["id"]: line["caption"] for line in lines(out) if "caption" in line} == {
        "awe_1": "A bird.",
        "fear_1": "A wolf.",
    }


def test_generation_reads_any_source(emogen: Emogen, tmp_path: Path) -> None:
    """`generate` takes a data set and a selection as `records` does; problems of rows do not stop it and are shown."""
    folder = emoset(tmp_path / "EmoSet", annotations={"awe_00000": {"emotion": "fear"}})
    run = tmp_path / "run"
    ran = emogen("generate", folder, "--types", "categorical", "--split", "train", "--out", run)
    assert ran.code == 0, ran.err
    assert "kept 2: categorical 2" in ran.out
    assert "left out" in ran.err
    assert json.loads((run / "run.json").read_text())["image_root"] == "../EmoSet"


def test_generation_from_parquet(emogen: Emogen, tmp_path: Path) -> None:
    """Text is generated from a data set with images inside without writing the images out."""
    before = {*parquet_folder(tmp_path / "data").rglob("*")}
    ran = emogen("generate", tmp_path / "data", "--types", "categorical", "--out", tmp_path / "run")
    assert "kept 4: categorical 4" in ran.out
    assert {*(tmp_path / "data").rglob("*")} == before


def test_an_ambiguous_folder(emogen: Emogen, tmp_path: Path) -> None:
    """A folder of two layouts is refused with both, and read when the source is named."""
    folder = parquet_folder(emoset(tmp_path / "both"))
    out = tmp_path / "x.jsonl"
    ran = emogen("records", folder, "--out", out)
    assert ran.code == 2
    assert "emoset (info.json" in ran.err
    assert "parquet (data/" in ran.err
    assert emogen("records", folder, "--source", "parquet", "--out", out).code == 0
    assert len(lines(out)) == 4


def test_generation_from_attributes_alone(
    emogen: Emogen, tmp_path: Path, answers_file: Callable[..., Path]
) -> None:
    """Without captions the attributes are context enough; a record that says nothing is rejected, and nothing asked."""
    nothing = dict.fromkeys(("brightness", "colorfulness", "scene", "object"))
    folder = emoset(tmp_path / "EmoSet", annotations={"fear_00001": nothing})
    script = answers_file(*[{"text": REASONING}] * 3)
    words = ["generate", folder, "--types", "reasoning", "--backend", f"scripted:{script}"]
    ran = emogen(*words, "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    assert "kept 3: reasoning 3" in ran.out
    (rejection,) = lines(tmp_path / "run" / "rejections.jsonl")
    assert (rejection["record_id"], rejection["stage"], rejection["reason"]) == (
        "fear_00001",
        "prompt",
        "no_context",
    )
    again = emogen(*words, "--out", tmp_path / "run", "--context", "caption")
    assert again.code == 2
    assert "prompts.context was all and is caption" in again.err
    without = emogen(*words, "--out", tmp_path / "without", "--context", "caption")
    assert without.code == 1
    assert "rejected 4: no_context 4" in without.out
    dry = emogen(*words, "--dry-run")
    assert "4 records, 3 requests" in dry.out
    assert "about 1 record without a word about the image" in dry.out


def test_a_split_is_drawn(emogen: Emogen, tmp_path: Path) -> None:
    """Images without a split get one by their bytes, copies the same, as an export would; what is said stays."""
    rows = [{"id": f"r{i}", "image": f"{i}.png", "emotion": "awe"} for i in range(40)]
    rows[0]["split"] = "test"
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for i in range(40):
        (tmp_path / f"{i}.png").write_bytes(b"picture %d" % (i // 2))
    out = tmp_path / "divided.jsonl"
    ran = emogen("records", tmp_path / "all.jsonl", "--split-by", "0.5,0.5", "--split-seed", 3, "--out", out)
    assert ran.code == 0, ran.err
    splits = [line["split"] for line in lines(out)]
    assert splits[0] == "test"
    assert splits[2::2] == splits[3::2]
    assert {"train", "val"} == set(splits[1:])

    runs = tmp_path / "runs"
    assert emogen("generate", tmp_path / "all.jsonl", "--types", "categorical", "--out", runs / "a").code == 0
    words = ("--format", "llava", "--split-by", "0.5,0.5", "--split-seed", 3, "--out", runs / "parts")
    assert emogen("export", runs / "a", *words).code == 0
    trained = {row["id"].split("/")[0] for row in json.loads((runs / "parts/train.json").read_bytes())}
    assert trained == {f"r{i}" for i in range(2, 40) if splits[i] == "train"}


def test_shares_that_do_not_sum_to_one(emogen: Emogen, tmp_path: Path, ten_of_each: Path) -> None:
    """Shares that cannot be are refused before anything is read."""
    ran = emogen("records", ten_of_each, "--split-by", "0.9,0.2", "--out", tmp_path / "out.jsonl")
    assert ran.code == 2
    assert "--split-by: '0.9,0.2' is not two or three shares that sum to 1" in ran.err
    assert not (tmp_path / "out.jsonl").exists()
