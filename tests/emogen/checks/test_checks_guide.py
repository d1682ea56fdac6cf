"""docs/checks.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from emogen.checks import CHECKS, Answer, Example, Score
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.run_file import read_run_file
from emogen.schemas import Completion, ImageRecord, Turn, TurnKind
from emogen.settings.reading import read_settings

GUIDE = (Path(__file__).parents[3] / "docs" / "checks.md").read_text(encoding="utf-8")
COLUMNS: tuple[tuple[str, TurnKind], ...] = (
    ("conversation", "basic"),
    ("conversation", "advanced"),
    ("reasoning", "reasoning"),
)


def rows() -> dict[str, list[str]]:
    lines = [line for line in GUIDE.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_table_has_every_check_in_order() -> None:
    """A check that is added, renamed or moved is so in the guide, too."""
    assert list(rows()) == list(CHECKS.targets())


@pytest.mark.parametrize("reason", CHECKS.targets())
def test_a_row_says_what_holds_by_default(reason: str) -> None:
    """Actions and thresholds are those of the code, and what is found is said in words."""
    found, *actions, _, settings = rows()[reason]
    check = DEFAULT_CHECKS.of(reason)
    assert len(found.split()) >= 4
    assert actions == [check.action_on(instruction, kind) for instruction, kind in COLUMNS]
    said = {}
    for setting in re.findall(r"`(.*?)`", settings):
        said.update(yaml.safe_load(setting))
    assert said == check.model_dump(mode="json", exclude={"action"})


def test_a_score_is_named_where_one_is_measured() -> None:
    """The column is filled for those checks that measure something, and for no other."""
    record = ImageRecord(id="a", image="a.jpg", caption="A dog sleeps.", emotion="awe")
    turn = Turn(question="What is it?", answer="A dog sleeps.", kind="basic")
    answer = Answer(
        record,
        "conversation",
        [turn],
        Completion(text="", model="m"),
        examples=[Example("s", ["It is so."])],
    )
    measured = {
        reason
        for reason in CHECKS.targets()
        if any(isinstance(seen, Score) for seen in CHECKS.get(reason)(answer, DEFAULT_CHECKS.of(reason)))
    }
    assert {reason for reason, cells in rows().items() if cells[-2]} == measured


def test_the_run_file_of_the_guide_can_be_used(tmp_path: Path) -> None:
    """What the guide says to write is read, and is other than the defaults."""
    (block,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    path = tmp_path / "run.yaml"
    path.write_text(block)
    file = read_run_file(path)
    checks = read_settings(file.given, file.place).checks
    assert isinstance(checks, CheckSettings)
    assert checks.seed_copy.most_copied_words == 4
    assert checks.ungrounded.action == "off"
    assert checks.length.answer_words.advanced == (20, 300)
