"""What an experiment is, as its file says: data sets, models and tunings, instructions, and what is printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from emovit_train.evaluation.datasets import DATASETS
from emovit_train.evaluation.examples import examples_text
from emovit_train.evaluation.instructions import INSTRUCTIONS
from emovit_train.evaluation.predictors import PREDICTORS
from emovit_train.reproduction.measures import MEASURES

__all__ = ["RECORDS", "Arm", "DataPart", "Model", "Recipe", "Tuning", "Wording"]

RECORDS: Final = "records"
Reading = Literal["strict", "lenient", "sum", "mean"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _data_part(value: Any) -> Any:
    """Take `emoset-8` for the data set emoset with the task 8."""
    if not isinstance(value, str):
        return value
    name, _, task = value.rpartition("-")
    return {"data": name, "as": name, "task": task} if name in DATASETS else {"data": value}


class DataPart(_Part):
    """Images that are asked about.

    Attributes:
        data: What the folder is called: `--data emoset=FOLDER`.
        kind: Which data set it is (`as` in the file), or `records` for a run folder or a records file.
        task: Its labels; its first task by default.
        split: train, val, test or all.
    """

    data: str
    kind: str = Field(RECORDS, alias="as")
    task: str | None = None
    split: Literal["train", "val", "test", "all"] = "test"

    @property
    def name(self) -> str:
        """What it is called in tables and among printed numbers: `emoset-8`."""
        return self.data if self.task is None or self.data != self.kind else f"{self.data}-{self.task}"

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.kind != RECORDS and self.kind not in DATASETS:
            raise ValueError(f"there is no data set {self.kind!r}: {', '.join((*DATASETS.names(), RECORDS))}")
        if self.task is not None:
            if self.kind == RECORDS:
                raise ValueError("records name their own labels: leave out task")
            known = DATASETS.get(self.kind)
            if self.task not in known.tasks and not known.any_labels:
                raise ValueError(f"{self.kind} has no task {self.task!r}: {', '.join(known.tasks)}")
        return self


class Model(_Part):
    """Weights, or an API's model, that the user has: `--model instructblip=FOLDER`.

    Attributes:
        predictor: How it is asked: model (of transformers), backend (behind an API), checkpoint (tuned here).
        about: What it is, and where to get it.
    """

    predictor: str = "model"
    about: str

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.predictor not in PREDICTORS:
            raise ValueError(f"there is no predictor {self.predictor!r}: {', '.join(PREDICTORS.names())}")
        return self


class Tuning(_Part):
    """What an arm is tuned on.

    Attributes:
        data: Name of the instruction data: `--data instructions=RUN`.
        model: Name of the model that is tuned.
        settings: Of `emovit_train train`, by their names with underscores.
    """

    data: str = "instructions"
    model: str
    settings: dict[str, Any] = {}


class Arm(_Part):
    """One line of the table: a model as it is, a tuned one, or a tuned one as it was before.

    Attributes:
        name: As it is called in tables.
        printed: As it is called among the printed numbers; its name by default.
        model: Name of a model that is asked as it is.
        train: What it is tuned on.
        untuned: Name of the tuned arm whose model is asked as it was before.
    """

    name: str
    printed: str | None = None
    model: str | None = None
    train: Tuning | None = None
    untuned: str | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if sum(each is not None for each in (self.model, self.train, self.untuned)) != 1:
            raise ValueError(f"the arm {self.name!r} needs one of model, train and untuned")
        return self


def _wording(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Wording(_Part):
    """An instruction: a known one by its name, or one in other words.

    Attributes:
        name: As it is called in tables.
        text: What is asked, `{labels}` standing for the options and `{examples}` for the examples.
        answer: What stands for a label when labels are ranked, `{label}` standing for it.
        examples: Label → captions of images of that label; shown with `{examples}`.
    """

    name: str
    text: str | None = None
    answer: str = "Predicted emotion: {label}."
    examples: dict[str, tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _is_known_or_told(self) -> Self:
        if (self.text is None) != (self.name in INSTRUCTIONS):
            why = "has no text" if self.text is None else "has another text"
            raise ValueError(f"{self.name!r} {why}; known by their names: {', '.join(INSTRUCTIONS)}")
        if "{label}" not in self.answer:
            raise ValueError("{label} is not in the answer")
        return self

    def words(self) -> str | None:
        """Return the text with its examples; None where the instruction is a known one."""
        return self.text and self.text.replace("{examples}", examples_text(self.examples))


class Recipe(_Part):
    """An experiment.

    Attributes:
        title: What it is.
        paper: Where the paper has it; empty for an experiment of one's own.
        about: What must be known before numbers are compared.
        experiment: Name of the printed numbers, see `emovit_train.evaluation.published`.
        measure: What is measured, by its name in `MEASURES`.
        reading: How answers are read for the first table; the others have all readings.
        speak: Whether models answer in their own words.
        rank: Whether labels are ranked, by models that can.
        data: The data sets, each a column.
        votes: Name of a folder of people's votes, `--data votes=FOLDER`, for measures that count them.
        models: What the user is asked for by name.
        arms: Each a line, or several.
        against: The arm that the others are compared with.
        instructions: How it is asked.
        orders: Seeds: each instruction is asked again with its options in these other orders.
        images: Of each data set so many images; None is all.
        decoding: How answers are made, see `emovit_train.decoding`.
        max_new_tokens: Longest answer, in tokens; None is that of `decoding`.
    """

    title: str
    paper: str = ""
    about: str = ""
    experiment: str = ""
    measure: str = "accuracy"
    reading: Reading = "lenient"
    speak: bool = True
    rank: bool = True
    data: Annotated[tuple[Annotated[DataPart, BeforeValidator(_data_part)], ...], Field(min_length=1)]
    votes: str | None = None
    models: dict[str, Model] = {}
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)]
    against: str | None = None
    instructions: Annotated[
        tuple[Annotated[Wording, BeforeValidator(_wording)], ...], Field(min_length=1)
    ] = (Wording(name="categorical"),)
    orders: tuple[int, ...] = ()
    images: int | None = Field(None, ge=1)
    decoding: str = "greedy"
    max_new_tokens: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _names_are_there(self) -> Self:
        names = [arm.name for arm in self.arms]
        for kind, each in (("arm", names), ("data set", [part.name for part in self.data])):
            twice = next((name for name in each if each.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"two of the {kind}s are called {twice!r}")
        tuned = {arm.name for arm in self.arms if arm.train}
        for arm in self.arms:
            model = arm.train.model if arm.train else arm.model
            if model is not None and model not in self.models:
                raise ValueError(f"the arm {arm.name!r} names the model {model!r}, which models has not")
            if arm.untuned is not None and arm.untuned not in tuned:
                raise ValueError(f"the arm {arm.name!r} names {arm.untuned!r}, which is no tuned arm")
        if self.measure not in MEASURES:
            raise ValueError(f"there is no measure {self.measure!r}: {', '.join(MEASURES.names())}")
        if self.against is not None and self.against not in names:
            raise ValueError(f"against names {self.against!r}, which is no arm")
        return self

    def tuning(self, arm: Arm) -> Tuning | None:
        """Return what an arm is tuned on, or was before; None for a model as it is."""
        return arm.train or next((each.train for each in self.arms if each.name == arm.untuned), None)

    def wanted_data(self) -> Iterator[str]:
        """Yield the names that `--data` may give, each once."""
        trained = (arm.train.data for arm in self.arms if arm.train)
        votes = [self.votes] if self.votes else []
        yield from dict.fromkeys((*(part.data for part in self.data), *trained, *votes))
