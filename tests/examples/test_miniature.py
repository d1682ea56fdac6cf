"""The paper in miniature: who learns what, who is asked what, and what is counted."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from doc_blocks import ROOT, commands_of
from typer.main import get_command
from typer.testing import CliRunner

from emogen.errors import CheckFailedError, InputError
from emogen.schemas import ImageRecord, Provenance, Sample, Turn
from emovit_train.cli import app
from examples.miniature import (
    arms,
    choose,
    drawings,
    fold_files,
    outcomes,
    preparing,
    probe,
    records,
    steps,
    tables,
)
from examples.miniature.__main__ import _not_run as not_run
from examples.miniature.folds import Fold, folds
from examples.miniature.scores import LABELS, Scored, read_scores
from tests.emovit_train.evaluation.prediction_rows import row as prediction

DOCS = ROOT / "docs"
FOLD = Fold(train=frozenset({"a1"}), val=frozenset({"b2"}), test=frozenset({"c3"}))


def scored(code: str, label: str, strength: float = 0.9, second: float = 0.1) -> Scored:
    values = [second if label != LABELS[0] else 0.0, *[0.0] * 7]
    values[LABELS.index(label)] = strength
    return Scored(code, code, tuple(values))


def test_scores_are_read_and_refused_by_line(tmp_path: Path) -> None:
    """The strongest emotion is the label, a second one close behind is a near tie, and a bad line is named."""
    file = tmp_path / "scores.csv"
    head = f"unicode,emoji,name,{','.join(LABELS)}\n"
    file.write_text(
        head + "1F600,x,grin,0,0,0,0,0.9,0,0.1,0\n2639,x,frown,0.5,0,0.1,0,0,0.45,0,0\n", encoding="utf-8"
    )
    grin, frown = read_scores(file)
    assert (grin.code, grin.label, grin.near_tie) == ("1f600", "joy", False)
    assert (frown.label, frown.near_tie) == ("anger", True)
    file.write_text(head + "1F600,x,grin,0,0,0,0,1.9,0,0.1,0\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"scores\.csv:2"):
        read_scores(file)
    file.write_text("unicode,name\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks the columns anger"):
        read_scores(file)


def test_arms_are_chosen_by_what_they_add() -> None:
    """In the table's order, whatever the order they are named in; an unknown one is refused."""
    assert [arm.name for arm in arms.read_arms("reasoning, untuned")] == ["untuned", "+ reasoning"]
    with pytest.raises(InputError, match=r"no arm is called 'humour'.*conversation"):
        arms.read_arms("humour")


def test_every_emoji_is_kept_back_once() -> None:
    """Three folds: each emoji is in one test part, the parts of a fold do not overlap, and they repeat."""
    known = [scored(f"{number:x}", LABELS[number % 4]) for number in range(60)]
    made = folds(known)
    assert sorted(code for fold in made for code in fold.test) == sorted(each.code for each in known)
    for fold in made:
        assert not fold.train & fold.val
        assert not (fold.train | fold.val) & fold.test
        assert len(fold.train | fold.val | fold.test) == 60
    assert folds(list(known)) == made


@pytest.mark.parametrize(
    ("image", "test"),
    [
        ("google/a1.png", None),
        ("facebook/a1.png", "B"),
        ("twitter/b2.png", "val"),
        ("facebook/b2.png", None),
        ("twitter/c3.png", "A"),
        ("facebook/c3.png", "C"),
    ],
)
def test_which_test_a_drawing_is_in(image: str, test: str | None) -> None:
    """What weights or settings were made with is in no test, and the held-out style chooses no setting."""
    assert fold_files.test_of(FOLD, image) == test


def test_a_fold_s_files(tmp_path: Path) -> None:
    """What is asked about has no drawing that is trained on."""
    drawn = [
        ImageRecord(id=f"{style}/{code}", image=f"{style}/{code}.png", emotion="joy", labels=LABELS)
        for style in drawings.STYLES
        for code in ("a1", "b2", "c3")
    ]
    learnt, asked = fold_files.write_fold(tmp_path / "fold0", FOLD, [], drawn)
    assert learnt == []
    assert {(row.image, row.split) for row in asked} == {
        ("facebook/a1.png", "test"),
        ("google/b2.png", "val"),
        ("twitter/b2.png", "val"),
        *((f"{style}/c3.png", "test") for style in drawings.STYLES),
    }
    assert len((tmp_path / "fold0" / "records.jsonl").read_text().splitlines()) == len(asked)


def package(folder: Path, style: str) -> None:
    entry = {
        "image": "263a-fe0f.png",
        "name": "WHITE SMILING FACE",
        "category": "Smileys & Emotion",
        "sort_order": 1,
        **{f"has_img_{each}": True for each in drawings.STYLES},
    }
    half = entry | {"image": "1f004.png", "sort_order": 0, "has_img_facebook": False}
    with tarfile.open(folder / f"emoji-datasource-{style}-{drawings.VERSION}.tgz", "w:gz") as tar:
        for name, content in {
            "package/emoji.json": json.dumps([half, entry]),
            "package/LICENSE": "MIT",
            f"package/img/{style}/64/263a-fe0f.png": "picture",
            f"package/img/{style}/sheets/64.png": "sheet",
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))


def test_packages_become_folders(tmp_path: Path) -> None:
    """Of a package only list, licence and small drawings are unpacked; emoji that a style lacks are left out."""
    fetched = {}
    for style in drawings.STYLES:
        package(tmp_path, style)
        fetched[style] = drawings.fetch(style, tmp_path)
    assert sorted(path.name for path in fetched["google"].iterdir()) == [
        "263a-fe0f.png",
        "LICENSE",
        "emoji.json",
    ]
    (smile,) = drawings.emoji_list(fetched["google"])
    assert (smile.code, smile.name) == ("263a", "white smiling face")
    with pytest.raises(InputError, match="1 scored emoji are not drawn in all styles, the first is ffff"):
        records.lay_out(tmp_path / "out", fetched, [smile], [scored("ffff", "joy")])

    records.lay_out(tmp_path / "out", fetched, [smile], [])
    fold_files.write_captions(tmp_path / "out" / "unlabelled", tmp_path / "captions.json")
    rows = json.loads((tmp_path / "captions.json").read_text())
    # The held-out style is never seen.
    assert [row["image"] for row in rows] == ["google/263a.png", "twitter/263a.png"]
    assert rows[0]["conversations"][1]["value"] == "A drawing of white smiling face."


def seen(place: str, said: str, label: str = "joy", near_tie: bool = False) -> outcomes.Outcome:
    return outcomes.Outcome(place, "B", place.split("/")[1], label, said, near_tie)


def test_scores_are_hand_counted() -> None:
    """Accuracy, and a difference that compares drawing by drawing, also with one arm in two seeds."""
    one = [seen("0 f/a", "joy"), seen("0 f/b", "fear"), seen("0 f/c", "joy"), seen("0 f/d", "fear")]
    other = [seen("0 f/a", "joy"), seen("0 f/b", "joy"), seen("0 f/c", "joy"), seen("0 f/d", "fear")]
    found = outcomes.score(one)
    assert (found.n, found.accuracy) == (4, 0.5)
    assert found.low <= 0.5 <= found.high

    def gain(first: list[outcomes.Outcome], second: list[outcomes.Outcome]) -> float | None:
        found = outcomes.difference(first, second)
        return None if found is None else found[0]

    assert gain(one, other) == 0.25
    assert gain(other, one) == -0.25
    assert gain(one + other, other) == 0.125
    assert outcomes.difference(one, one) == (0.0, 0.0, 0.0)
    # Of arms that are not finished in the same folds, what both have seen is compared.
    second_fold = [seen("1 f/e", "fear"), seen("1 f/f", "fear")]
    assert gain(one, other + second_fold) == 0.25
    assert gain(one, second_fold) is None


def test_the_table_says_what_lies_within_the_interval() -> None:
    """A difference whose interval holds 0 is called one; a near tie is left out of its column."""
    right = [seen(f"0 f/{code}", "joy") for code in "abcdefgh"] + [seen("0 f/i", "fear", near_tie=True)]
    wrong = [seen(each.place, "joy" if each.code in "gh" else "fear") for each in right]
    others = [
        outcomes.Outcome(f"0 {test}/{code}", test, code, "joy", "joy", False)
        for test in "AC"
        for code in "xy"
    ]
    arms_seen = {"categorical": right + others, "same": right + others, "worse": wrong + others}
    rows = tables.summary(arms_seen, "categorical", [])
    assert rows["categorical"]["B, near ties left out"]["accuracy"] == 1.0
    lines = tables.markdown(rows, "categorical", "linear probe").splitlines()
    assert "+0.00 (+0.00 to +0.00), within the interval" in lines[3]
    assert "-0.67 (" in lines[4]
    assert "within" not in lines[4]


def test_runs_have_folders_of_their_own() -> None:
    """No two runs of the whole experiment share a folder."""
    runs = [
        arms.Run(arm, fold, seed, portion)
        for arm in arms.ARMS
        for fold in range(3)
        for seed in range(2)
        for portion in (5, 100)
    ]
    assert len({run.name for run in runs}) == len(runs)


def test_what_is_not_run_yet_is_told() -> None:
    """An arm that has not begun by its name, another one with the folds that it lacks."""
    untuned, categorical, *_ = arms.ARMS
    runs = [*(arms.Run(untuned, fold) for fold in range(3)), arms.Run(categorical, 1)]
    assert not_run(runs, [0, 1, 2]) == ["categorical in fold 0 and 2", "+ conversation", "+ reasoning"]
    assert not_run(runs, [1]) == ["+ conversation", "+ reasoning"]


def test_its_commands_are_those_of_the_program(tmp_path: Path) -> None:
    """The program knows each command, each option of it and each value."""
    run = arms.Run(arms.ARMS[-1], 0, portion=5)
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for step in (arms.captioning(tmp_path), arms.tuning(tmp_path, run, 9), arms.evaluating(tmp_path, run, 9)):
        program, name, *told = step.command
        assert program == "emovit_train"
        assert commands[name].make_context(name, told).params["out"] == step.makes.parent


def test_finished_steps_are_not_repeated(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same command again runs nothing; another command, or a lost result, runs again; a failure stops."""
    made = tmp_path / "made"

    def step(text: str) -> steps.Step:
        code = f"import pathlib; pathlib.Path({str(made)!r}).touch(); print({text!r})"
        return steps.Step("one", ("python", "-c", code), made, 1)

    def said(text: str) -> bool:
        steps.run_all([step(text)], tmp_path)
        return capfd.readouterr().out.endswith(f"{text}\n")

    assert said("first")
    assert not said("first")
    assert said("second")
    made.unlink()
    assert said("second")
    broken = steps.Step("two", ("python", "-c", "raise SystemExit(3)"), tmp_path / "never", 1)
    with pytest.raises(CheckFailedError, match="ended with 3"):
        steps.run_all([step("second"), broken], tmp_path)
    assert steps._seconds(broken, tmp_path) is None


def test_docs_tell_the_committed_results() -> None:
    """The table of docs/miniature.md is that of the result file beside the example."""
    folder = Path(arms.__file__).parent
    result = json.loads((folder / "results.json").read_text("utf-8"))
    text = (folder.parents[1] / "docs" / "miniature.md").read_text("utf-8")
    assert tables.markdown(result["table"], "categorical", "linear probe") in text
    assert (folder / "results.md").read_text("utf-8").strip() in text


def choosing_world() -> tuple[list[Sample], list[ImageRecord]]:
    """Two emoji, one of them learnt, in all styles, with rows of two types about each."""
    drawn = [
        ImageRecord(id=f"{style}/{code}", image=f"{style}/{code}.png", emotion=label, labels=LABELS)
        for style in drawings.STYLES
        for code, label in (("a1", "joy"), ("a2", "fear"), ("b2", "joy"), ("c3", "fear"))
    ]
    origin = Provenance(backend="none", model="", prompt_sha256="", template_sha256="")
    turn = Turn(question="Which?", answer="joy", kind="categorical")
    return [
        Sample(record=record, instruction=kind, turns=(turn,), provenance=origin)
        for record in drawn
        for kind in ("categorical", "reasoning")
    ], drawn


def test_settings_are_chosen_by_no_test(tmp_path: Path) -> None:
    """One style of the learnt emoji is tuned on, the other one is asked about: neither unseen emoji nor Facebook's."""
    samples, drawn = choosing_world()
    fold = Fold(train=frozenset({"a1", "a2"}), val=frozenset({"b2"}), test=frozenset({"c3"}))
    parts = choose.parts_of(fold, samples, drawn)
    assert {each.record.image for each in parts.learnt} == {"google/a1.png", "google/a2.png"}
    assert {each.instruction for each in parts.learnt} == {"categorical"}
    assert [(row.image, row.split) for row in parts.asked] == [
        ("twitter/a1.png", "test"),
        ("twitter/a2.png", "test"),
    ]
    settings = [choose.read_setting(told) for told in ("8x16", "4x4@1e-4")]
    found = choose.choosing_steps(tmp_path, settings, parts)
    assert [step.name for step in found] == [
        "captioning",
        *(f"choose-{what}-{each}" for each in ("8x16@3e-4", "4x4@1e-4") for what in ("tune", "evaluate")),
    ]
    assert len({step.makes for step in found}) == 5
    commands = get_command(app).commands  # type: ignore[attr-defined]
    params = [commands[step.command[1]].make_context("x", list(step.command[2:])).params for step in found]
    told = [(each["epochs"], each["batch_size"], each["lr"]) for each in params[1::2]]
    assert told == [(8, 16, 3e-4), (4, 4, 1e-4)]


def test_the_guide_s_choice_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of docs/miniature.md, on two drawings: each setting's accuracy beside the probe's best."""
    ((_, _, module, *words),) = [told for told in commands_of(DOCS / "miniature.md") if told[0] == "python"]
    assert module == "examples.miniature.choose"
    samples, drawn = choosing_world()
    fold = Fold(train=frozenset({"a1", "a2"}), val=frozenset(), test=frozenset())
    ran: list[str] = []

    def answered(steps_: list[steps.Step], out: Path) -> None:
        """Say joy of both drawings, in the place of the commands."""
        asked = [row.image for row in choose.parts_of(fold, samples, drawn).asked]
        ranking = {"joy": -1.0, "fear": -2.0}
        both = {"sums": ranking, "means": ranking}
        for step in steps_:
            ran.append(step.name)
            said = [
                prediction(number, label, "", labels=LABELS, ranking=both)
                for number, label in enumerate(("joy", "fear")[: len(asked)])
            ]
            step.makes.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(row.model_dump_json() + "\n" for row in said)
            (step.makes.parent / "predictions.jsonl").write_text(text)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(choose, "run_all", answered)
    monkeypatch.setattr(choose, "read_scores", lambda _: [])
    monkeypatch.setattr(choose, "folds", lambda _: [fold])
    monkeypatch.setattr(preparing, "prepare", lambda *_: None)
    monkeypatch.setattr(preparing, "read_drawings", lambda _: drawn)
    monkeypatch.setattr(preparing, "read_samples", lambda *_: samples)
    monkeypatch.setattr(
        probe, "features", lambda paths: {path: [1.0 if path.stem == "a1" else -1.0] for path in paths}
    )
    done = CliRunner().invoke(choose.app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert [name for name in ran if "tune" in name] == [
        f"choose-tune-{each}@3e-4" for each in ("8x16", "8x8", "4x4")
    ]
    rows = json.loads(Path("runs/miniature/choose/settings.json").read_text())
    assert [(row["tuned"], row["n"], row["accuracy"], row["chosen"]) for row in rows] == [
        ("8x16@3e-4", 2, 0.5, False),
        ("8x8@3e-4", 2, 0.5, True),
        ("4x4@3e-4", 2, 0.5, False),
        ("linear probe", 2, 1.0, None),
    ]
    assert "| 8x8@3e-4 | 8 | 8 | 3e-4 | 2 | 0.500 |" in done.output


@pytest.mark.parametrize("told", ["8", "0x8", "8x8@fast", "8x-1"])
def test_no_setting(told: str) -> None:
    """What cannot be read as epochs, batch and rate is refused, with an example."""
    with pytest.raises(InputError, match="not EPOCHSxBATCH@RATE"):
        choose.read_setting(told)
