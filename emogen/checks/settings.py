"""What each check leads to and how strict it is, with the defaults that hold where nothing else is said.

[checks.length]
action = "flag"                                    # for every answer

[checks.length.answer_words]
advanced = [20, 300]                               # the other kinds keep their bounds

[checks.question_leak]
action = { reasoning = "reject" }                  # by turn kind or instruction type; the rest as by default
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from emogen.checks import CHECKS
from emogen.checks.phrases import VOCABULARIES, VocabularyName
from emogen.errors import UnknownNameError
from emogen.instructions import INSTRUCTIONS
from emogen.schemas import TurnKind

__all__ = [
    "DEFAULT_CHECKS",
    "Action",
    "Actions",
    "AnswerWords",
    "CheckSettings",
    "LabelConflict",
    "Length",
    "MachineLabel",
    "OneCheck",
    "OtherCheck",
    "QuestionLeak",
    "Refusal",
    "SeedCopy",
    "SourceLeak",
    "Truncated",
    "Ungrounded",
]

Action = Literal["reject", "flag", "off"]
Actions = Action | dict[str, Action]


def _least_first(bounds: tuple[int, int]) -> tuple[int, int]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the least ({bounds[0]}) is above the most ({bounds[1]})")
    return bounds


Count = Annotated[int, Field(ge=0)]
# The least and the most, both allowed.
Bounds = Annotated[tuple[Count, Count], AfterValidator(_least_first)]


class _Table(BaseModel):
    """A table whose unknown names are answered with the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    where: ClassVar[str] = "checks"

    @model_validator(mode="before")
    @classmethod
    def _names_are_known(cls, table: Any) -> Any:
        if isinstance(table, Mapping) and cls.model_config.get("extra") == "forbid":
            for name in table:
                if name not in cls.model_fields:
                    raise UnknownNameError(
                        "setting", str(name), cls.model_fields, where=f"{cls.where}.{name}"
                    )
        return table


class OneCheck(_Table):
    """What every check has.

    Attributes:
        action: What a fault leads to. One action for all answers, or a table by turn kind (`basic`, `advanced`, ...)
            and instruction type, of which the turn kind goes first; what it does not name stays as by default.
    """

    action: Actions = "reject"

    @model_validator(mode="before")
    @classmethod
    def _actions_are_known(cls, table: Any) -> Any:
        action = table.get("action") if isinstance(table, Mapping) else None
        if isinstance(action, str):
            _known_action(action, f"{cls.where}.action")
        if isinstance(action, Mapping):
            for name, said in action.items():
                known = {*get_args(TurnKind), *INSTRUCTIONS.names()}
                if name not in known:
                    raise UnknownNameError(
                        "turn kind or instruction type", str(name), known, where=f"{cls.where}.action.{name}"
                    )
                _known_action(said, f"{cls.where}.action.{name}")
        return table

    def action_on(self, instruction: str, kind: TurnKind | None) -> Action:
        """Return what a fault leads to in a turn of `kind`, or in the answer as a whole."""
        default: Actions = type(self).model_fields["action"].default
        for actions in (self.action, default):
            if not isinstance(actions, dict):
                return actions
            for name in (kind, instruction):
                if name is not None and name in actions:
                    return actions[name]
        return "off"


def _known_action(action: object, where: str) -> None:
    if isinstance(action, str) and action not in get_args(Action):
        raise UnknownNameError("action", action, get_args(Action), where=where)


class OtherCheck(OneCheck):
    """A check of another package: it reads whatever else stands in its table from `model_extra`."""

    model_config = ConfigDict(extra="allow")


class Truncated(OneCheck):
    """The answer was cut off.

    Attributes:
        phrase_words: A basic answer of at most so many words may end without a full stop ("A red turban").
    """

    where: ClassVar = "checks.truncated"
    phrase_words: Count = 6


class Refusal(OneCheck):
    """The model declined."""

    where: ClassVar = "checks.refusal"


class AnswerWords(_Table):
    """Least and most words of an answer, by turn kind.

    The paper's basic answers have 10 to 16 words, its advanced and reasoning answers 30 to 40 (Figures 10 and 11);
    long ones are welcome there, empty phrases are not.
    """

    where: ClassVar = "checks.length.answer_words"
    categorical: Bounds = (1, 20)
    basic: Bounds = (1, 120)
    advanced: Bounds = (12, 600)
    reasoning: Bounds = (15, 800)


class Length(OneCheck):
    """A question or an answer is far too short or too long.

    Attributes:
        question_words: Least and most words of a question.
        answer_words: Least and most words of an answer, by turn kind.
    """

    where: ClassVar = "checks.length"
    question_words: Bounds = (3, 80)
    answer_words: AnswerWords = AnswerWords()


class SourceLeak(OneCheck):
    """The text speaks of the caption or the attributes."""

    where: ClassVar = "checks.source_leak"


class SeedCopy(OneCheck):
    """A turn repeats what a seed example says of another picture.

    Attributes:
        run_words: What is no shorter than so many words side by side is a repetition.
        most_copied_words: So many words a turn may repeat that say something which its record does not. Our examples
            said of another picture have 3 or more in a basic answer and 15 or more in a longer one; the honest answers
            of the tests have none, and beside 31 others of their own kind instead of two examples at most 2.
    """

    where: ClassVar = "checks.seed_copy"
    run_words: Annotated[int, Field(ge=1, le=20)] = 4
    most_copied_words: Count = 2


class LabelConflict(OneCheck):
    """The text denies the labelled emotion, or claims another one."""

    where: ClassVar = "checks.label_conflict"


class QuestionLeak(OneCheck):
    """A question names the labelled emotion, which a reasoning question may well do."""

    where: ClassVar = "checks.question_leak"
    action: Actions = {"conversation": "reject"}


class Ungrounded(OneCheck):
    """The answer claims what neither caption nor attributes support. It reads English only.

    Attributes:
        most_unsupported: So many unsupported claims a turn may make.
        vocabularies: EmoSet's vocabularies that are looked at.
        images_seen: Whether to check models, too, that saw the image: they may well see more than a caption says.
    """

    where: ClassVar = "checks.ungrounded"
    action: Actions = {"basic": "reject", "advanced": "flag", "reasoning": "flag"}
    most_unsupported: Count = 0
    vocabularies: tuple[VocabularyName, ...] = VOCABULARIES
    images_seen: bool = False


class MachineLabel(OneCheck):
    """The record's emotion is a model's word; categorical rows, which no other check sees, are looked at, too."""

    where: ClassVar = "checks.machine_label"
    action: Actions = "flag"


class CheckSettings(_Table):
    """The settings of all checks; a check of another package has a table of its own beside ours.

    Raises:
        UnknownNameError: a check, a setting, an action, a turn kind or an instruction type that does not exist.
    """

    truncated: Truncated = Truncated()
    refusal: Refusal = Refusal()
    length: Length = Length()
    source_leak: SourceLeak = SourceLeak()
    seed_copy: SeedCopy = SeedCopy()
    label_conflict: LabelConflict = LabelConflict()
    question_leak: QuestionLeak = QuestionLeak()
    ungrounded: Ungrounded = Ungrounded()
    machine_label: MachineLabel = MachineLabel()
    others: dict[str, OtherCheck] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _names_are_known(cls, table: Any) -> Any:
        """Put the tables of other packages' checks under `others`, and refuse names of none."""
        if not isinstance(table, Mapping):
            return table
        ours = {name: value for name, value in table.items() if name in cls.model_fields}
        others = {name: value for name, value in table.items() if name not in ours}
        if isinstance(ours.get("others", {}), Mapping):
            others = {**ours.get("others", {}), **others}
        for name in others:
            if name in cls.model_fields or name not in CHECKS:
                raise UnknownNameError("check", str(name), CHECKS.targets(), where=f"{cls.where}.{name}")
        return {**ours, "others": others} if others else ours

    def of(self, reason: str) -> OneCheck:
        """Return the settings of the check `reason`."""
        if reason in type(self).model_fields:
            return getattr(self, reason)  # type: ignore[no-any-return]
        return self.others.get(reason, _OTHER)


_OTHER: Final = OtherCheck()
DEFAULT_CHECKS: Final = CheckSettings()
