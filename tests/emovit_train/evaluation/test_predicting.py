"""Asking is resumable: what is in the folder is not asked again, and nobody else's answers get into it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emogen.errors import BackendError, InputError
from emogen.schemas import ImageRecord
from emovit_train.evaluation.instructions import Instruction, read_instructions
from emovit_train.evaluation.items import Chosen
from emovit_train.evaluation.kept import PREDICTIONS, PREDICTOR
from emovit_train.evaluation.predicting import Predicted, predict_chosen
from emovit_train.evaluation.predictions import read_predictions
from emovit_train.evaluation.predictors import Question, Reply

LABELS = ("awe", "fear", "joy")


@dataclass
class Parrot:
    """Answers `joy` to everything, backwards, and ends after so many answers."""

    name: str = "parrot"
    identity: dict[str, Any] = field(default_factory=lambda: {"kind": "parrot", "decoding": "greedy"})
    ranks: bool = False
    trained_images: frozenset[str] = frozenset()
    ends_after: int | None = None
    fails: tuple[str, ...] = ()
    asked: list[Question] = field(default_factory=list)

    def predict(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Reply]]:
        for question in reversed(questions):
            if len(self.asked) == self.ends_after:
                raise BackendError("no more")
            self.asked.append(question)
            failed = question.image.stem in self.fails
            yield question, Reply(failure="too busy") if failed else Reply("Joy.")


def images(folder: Path, count: int = 4) -> Chosen:
    folder.mkdir(exist_ok=True)
    records = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.new("RGB", (4, 4), (number, 0, 0)).save(path)
        record = ImageRecord(id=f"i{number}", image=path.name, emotion="joy", labels=LABELS)
        records.append((record, path))
    return Chosen("made-3", records)


@pytest.fixture
def chosen(tmp_path: Path) -> Chosen:
    return images(tmp_path / "photos")


def ask(parrot: Parrot, chosen: Chosen, out: Path, *told: str, **how: Any) -> Predicted:
    return predict_chosen(parrot, chosen, read_instructions(told), out, **how)


def ids_in(out: Path) -> list[str]:
    return [json.loads(line)["item_id"] for line in (out / PREDICTIONS).read_text().splitlines()]


def test_interrupted_run_goes_on(chosen: Chosen, tmp_path: Path) -> None:
    """What was answered before the end is kept, the rest alone is asked, and the file ends in the images' order."""
    out = tmp_path / "out"
    with pytest.raises(BackendError, match="no more"):
        ask(Parrot(ends_after=3), chosen, out)
    assert ids_in(out) == ["i3", "i2", "i1"]
    second = Parrot()
    predicted = ask(second, chosen, out)
    assert [question.image.stem for question in second.asked] == ["0"]
    assert [row.item_id for row in predicted.rows] == ids_in(out) == ["i0", "i1", "i2", "i3"]
    assert predicted.earlier == 3
    third = Parrot()
    ask(third, chosen, out)
    assert not third.asked


def test_killed_process_leaves_whole_lines(chosen: Chosen, tmp_path: Path) -> None:
    """kill -9 in the middle of a run: every line that is there can be read, and the run goes on after them."""
    out = tmp_path / "out"
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from tests.emovit_train.evaluation.test_predicting import Parrot, ask, images\n"
        "class Slow(Parrot):\n"
        "    def predict(self, questions):\n"
        "        for number, pair in enumerate(super().predict(questions)):\n"
        "            if number == 2:\n"
        "                print('two', flush=True)\n"
        "                time.sleep(60)\n"
        "            yield pair\n"
        f"ask(Slow(), images(Path({str(tmp_path / 'photos')!r})), Path({str(out)!r}))\n"
    )
    root = Path(__file__).parents[3]
    paths = {**os.environ, "PYTHONPATH": f"{root}:{root / 'tests'}"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=paths) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"two\n"
        process.send_signal(signal.SIGKILL)
    assert [row.item_id for row in read_predictions(out / PREDICTIONS)] == ["i3", "i2"]
    assert len(ask(Parrot(), chosen, out).rows) == 4


def test_torn_line_is_cut_off(chosen: Chosen, tmp_path: Path) -> None:
    """Half a line at the end, as a power failure leaves it, costs its own answer and no other."""
    out = tmp_path / "out"
    ask(Parrot(), chosen, out)
    text = (out / PREDICTIONS).read_text()
    (out / PREDICTIONS).write_text(text[:-20])
    parrot = Parrot()
    assert len(ask(parrot, chosen, out).rows) == 4
    assert [question.image.stem for question in parrot.asked] == ["3"]


def test_other_predictor_is_refused(chosen: Chosen, tmp_path: Path) -> None:
    """Another identity does not add its answers; the error says what differs, and nothing is lost."""
    out = tmp_path / "out"
    ask(Parrot(), chosen, out)
    before = (out / PREDICTIONS).read_bytes()
    other = Parrot(identity={"kind": "parrot", "decoding": "lavis"})
    with pytest.raises(InputError, match="decoding was greedy and is lavis") as refused:
        ask(other, chosen, out)
    assert "--overwrite" in str(refused.value)
    assert (out / PREDICTIONS).read_bytes() == before
    ask(other, chosen, out, overwrite=True)
    assert len(other.asked) == 4
    (out / PREDICTOR).unlink()
    with pytest.raises(InputError, match="do not say whose they are"):
        ask(other, chosen, out)


def test_other_text_under_the_same_name_is_refused(chosen: Chosen, tmp_path: Path) -> None:
    """Another instruction adds its rows to the folder; another text under a known name is an error."""
    out = tmp_path / "out"
    ask(Parrot(), chosen, out, "mine=What of {labels}?")
    parrot = Parrot()
    ask(parrot, chosen, out, "paper-1")
    assert len(parrot.asked) == 4
    assert len(ids_in(out)) == 8
    with pytest.raises(InputError, match="another instruction mine"):
        ask(parrot, chosen, out, "mine=Which of {labels}?")


def test_changed_image_or_options_are_asked_anew(chosen: Chosen, tmp_path: Path) -> None:
    """A picture that was edited, and a question with other options, are asked again; a new label alone is not."""
    out = tmp_path / "out"
    ask(Parrot(), chosen, out)
    (first, path), (second, other), *rest = chosen.records
    Image.new("RGB", (4, 4), "yellow").save(path)
    relabelled = rest[0][0].model_copy(update={"emotion": "fear"})
    fewer = second.model_copy(update={"labels": LABELS[1:]})
    parrot = Parrot()
    changed = Chosen("made-3", [(first, path), (fewer, other), (relabelled, rest[0][1]), rest[1]])
    predicted = ask(parrot, changed, out)
    assert sorted(question.image.stem for question in parrot.asked) == ["0", "1"]
    assert [row.label for row in predicted.rows] == ["joy", "joy", "fear", "joy"]


def test_failures_are_asked_again(chosen: Chosen, tmp_path: Path) -> None:
    """A question that failed is named, has no row, and is asked by the next call."""
    out = tmp_path / "out"
    predicted = ask(Parrot(fails=("2",)), chosen, out)
    assert predicted.failures == ["i2, categorical: too busy"]
    assert ids_in(out) == ["i0", "i1", "i3"]
    parrot = Parrot()
    assert not ask(parrot, chosen, out).failures
    assert len(parrot.asked) == 1


def test_limits_lie_inside_of_larger_ones(chosen: Chosen, tmp_path: Path) -> None:
    """The first images of a drawn order are the same whatever the limit, so that a larger one only adds."""
    out = tmp_path / "out"
    ask(Parrot(), chosen.some(2, seed=5), out)
    parrot = Parrot()
    assert len(ask(parrot, chosen.some(3, seed=5), out).rows) == 3
    assert len(parrot.asked) == 1
    orders = {tuple(record.id for record, _ in chosen.some(None, seed).records) for seed in range(6)}
    assert len(orders) > 1


def test_option_orders(chosen: Chosen, tmp_path: Path) -> None:
    """Under an order, each image's question and row list the same options in an order of its own, always the same."""
    plain, shuffled = read_instructions(["paper-2"], [3])
    assert (plain.name, plain.order, shuffled.name, shuffled.order) == ("paper-2", None, "paper-2", 3)
    rows = predict_chosen(Parrot(), chosen, [plain, shuffled], tmp_path / "out").rows
    assert [row.labels for row in rows[:4]] == [LABELS] * 4
    assert [row.order for row in rows] == [None] * 4 + [3] * 4
    assert {frozenset(row.labels) for row in rows[4:]} == {frozenset(LABELS)}
    assert all(f"options: {', '.join(row.labels)}." in row.question for row in rows)
    drawn = {shuffled.labels(LABELS, f"i{number}") for number in range(40)}
    assert len(drawn) == 6
    assert shuffled.labels(LABELS, "i0") == Instruction("other", None, "", order=3).labels(LABELS, "i0")


def test_two_processes_do_not_share_a_folder(chosen: Chosen, tmp_path: Path) -> None:
    """A second one is refused while the first asks."""

    class Nested(Parrot):
        def predict(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Reply]]:
            with pytest.raises(InputError, match="another process"):
                ask(Parrot(), chosen, tmp_path / "out")
            yield from super().predict(questions)

    assert len(ask(Nested(), chosen, tmp_path / "out").rows) == 4


def test_what_the_data_say_reaches_every_row(chosen: Chosen, tmp_path: Path) -> None:
    """Strata and labels of today are in the rows of instructions that are not asked now, too; earlier strata stay."""
    out = tmp_path / "out"
    ask(Parrot(), replace(chosen, strata={"i0": {"style": "drawn"}}), out, "paper-1")
    (first, path), *rest = chosen.records
    records = [(first.model_copy(update={"emotion": "awe"}), path), *rest]
    ask(Parrot(), replace(chosen, records=records, strata={"i0": {"seen": "near"}}), out, "paper-2")
    rows = [row for row in read_predictions(out / PREDICTIONS) if row.item_id == "i0"]
    assert [(row.instruction, row.label) for row in rows] == [("paper-2", "awe"), ("paper-1", "awe")]
    assert [row.strata for row in rows] == [{"seen": "near"}, {"style": "drawn", "seen": "near"}]
