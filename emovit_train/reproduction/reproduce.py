"""Runs a recipe, top to bottom: what is given is opened, tuned, asked and measured; the rest is named.

What is done is kept under one folder for all recipes, and no recipe does it again:

trained/<model>-<hash>/                 checkpoints, by data, base and settings
predictions/<data set>/<model>-<hash>/  answers, by whom they are from
contamination/                          which test images are trained on
<recipe>/                               table.md, table.csv, table.png, the further tables, recipe.json
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from emogen.atomic import writable_folder, write_text
from emogen.errors import UnknownNameError
from emogen.registry import require
from emogen.schemas import ImageRecord
from emogen.terminal import say
from emovit_train.decoding import decoding_of
from emovit_train.evaluation.comparison import compare
from emovit_train.evaluation.contamination import Contamination
from emovit_train.evaluation.distributions import distribution_scores
from emovit_train.evaluation.items import Chosen, choose_images
from emovit_train.evaluation.predicting import MEMORISED, predict_chosen
from emovit_train.evaluation.predictions import Prediction
from emovit_train.evaluation.predictors import Predictor, PredictorOptions
from emovit_train.evaluation.scores import score
from emovit_train.evaluation.stability import stability
from emovit_train.reproduction.cells import Cell, with_means, with_printed
from emovit_train.reproduction.given import DATA, Given, Missing
from emovit_train.reproduction.identity import digest_of, slug
from emovit_train.reproduction.measures import MEASURES, Answered, Asking, Measure, Value
from emovit_train.reproduction.overlaps import overlaps
from emovit_train.reproduction.recipe import RECORDS, Arm, DataPart, Recipe
from emovit_train.reproduction.results import Results
from emovit_train.reproduction.subjects import open_subject
from emovit_train.reproduction.wordings import asked_in

__all__ = ["reproduce"]

HELD_OUT: Final = "held out"
# Of a part of a data set, the same images for everybody.
DRAWN_BY: Final = 0


def reproduce(
    recipe: Recipe,
    name: str,
    given: Given,
    root: Path,
    *,
    options: PredictorOptions | None = None,
    only: Sequence[str] = (),
) -> Results:
    """Do what can be done of an experiment with what is given, and write its tables into `root`/`name`.

    Where nothing can be done, nothing is written. The same call, later or with more, does only what is left.

    Args:
        recipe: The experiment.
        name: Of the folder of its tables.
        given: Folders and models.
        root: Folder of all experiments.
        options: How models are asked.
        only: Arms to run; none is all.

    Raises:
        EmovitError: something that is given cannot be used; what was done is kept.
    """
    given.check(recipe)
    names = [arm.name for arm in recipe.arms]
    for wanted in only:
        if wanted not in names:
            raise UnknownNameError("arm", wanted, names, where="--only")
    for module in ("imagehash", "matplotlib", "scipy", "sklearn"):
        require(module, extra="evaluate", purpose="Reproducing an experiment")
    measure = MEASURES.get(recipe.measure)
    work = _Work(recipe, given, root, name, measure, _options(recipe, options or PredictorOptions()))
    work.missing |= dict.fromkeys(map(str, given.lacking(recipe, only)))
    columns = {part: work.choose(part) for part in recipe.data}
    there = not all(isinstance(each, Missing) for each in columns.values())
    if there:
        writable_folder(root / name)
    for arm in recipe.arms:
        if not only or arm.name in only:
            work.run(arm, columns)
    work.compare_images(columns)
    results = replace(work.results(), is_something=there)
    if results.is_something:
        results.write(root / name)
        write_text(root / name / "recipe.json", recipe.model_dump_json(indent=2, by_alias=True) + "\n")
    return results


def _options(recipe: Recipe, options: PredictorOptions) -> PredictorOptions:
    decoding = decoding_of(recipe.decoding, recipe.max_new_tokens)
    longest = {"max_tokens": recipe.max_new_tokens} if recipe.max_new_tokens else {}
    return replace(options, decoding=decoding, backend={**longest, **options.backend})


@dataclass
class _Work:
    """What was done so far."""

    recipe: Recipe
    given: Given
    root: Path
    name: str
    measure: Measure
    options: PredictorOptions
    cells: list[Cell] = field(default_factory=list)
    rows: list[Prediction] = field(default_factory=list)
    contaminated: list[Contamination] = field(default_factory=list)
    missing: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def choose(self, part: DataPart) -> Chosen | Path | Missing:
        """Return the images of a data set; its folder, where the measure chooses from it."""
        folder = self.given.folder(part.data, DATA)
        if isinstance(folder, Missing) or self.measure.asks:
            return folder
        kind = None if part.kind == RECORDS else part.kind
        chosen = replace(choose_images(folder, None, kind, part.task, part.split), dataset=part.name)
        if kind is None and part.split != "all":
            kept = [each for each in chosen.records if each[0].split in (None, part.split)]
            chosen = replace(chosen, records=kept)
        limit = self.recipe.images
        if limit is not None and limit < len(chosen.records):
            self.notes[f"{part.name}: {limit:,} of {len(chosen.records):,} images, the same for each arm"] = (
                None
            )
            chosen = chosen.some(limit, seed=DRAWN_BY)
        return chosen

    def run(self, arm: Arm, columns: Mapping[DataPart, Chosen | Path | Missing]) -> None:
        """Ask one arm about every data set that is there."""
        there = any(not isinstance(each, Missing) for each in columns.values())
        # Without anything to ask it, nothing is tuned.
        subject = open_subject(arm, self.recipe, self.given, self.options, self.root) if there else None
        for part, chosen in columns.items():
            lacking = next((each for each in (chosen, subject) if isinstance(each, Missing)), None)
            if lacking is None and subject is not None and not isinstance(subject, Missing):
                say(f"asking     {arm.name} about {part.name}", err=True)
                place = slug(f"{subject.name} {digest_of(dict(subject.identity))}")
                folder = self.root / "predictions" / slug(part.name) / place
                if isinstance(chosen, Chosen):
                    rows = self._ask(arm, part, chosen, subject, folder)
                    self.rows += rows
                    self._add(arm, part, self._measured(chosen, rows))
                elif isinstance(chosen, Path):
                    self._add(arm, part, self._asked(arm, part, chosen, subject, folder))
            else:
                self._add(arm, part, lacking or Missing(part.name, "give it"))

    def _ask(
        self, arm: Arm, part: DataPart, chosen: Chosen, subject: Predictor, folder: Path
    ) -> list[Prediction]:
        """Return the answers about images that were not trained on, under the names of this recipe."""
        rows: list[Prediction] = []
        failures = 0
        for place, told in asked_in(self.recipe, folder).items():
            done = predict_chosen(
                subject, chosen, told, place, speak=self.recipe.speak, rank=self.recipe.rank
            )
            rows += done.rows
            failures += len(done.failures)
        if failures:
            self.missing[f"{failures} answers of {arm.name} about {part.name}: run it again"] = None
        memorised = {row.item_id for row in rows if row.group == MEMORISED}
        if memorised:
            self.notes[
                f"{part.name}: {len(memorised):,} of {len(chosen.records):,} images were trained on by {arm.name} "
                "and are left out"
            ] = None
        names = {"model": arm.name, "group": HELD_OUT}
        return [row.model_copy(update=names) for row in rows if row.group != MEMORISED]

    def _measured(self, chosen: Chosen, rows: Sequence[Prediction]) -> Mapping[str, Value]:
        assert self.measure.of is not None
        records: dict[str, ImageRecord] = {record.id: record for record, _ in chosen.records}
        return self.measure.of(Answered(rows, records, self.recipe.reading)) if rows else {}

    def _asked(
        self, arm: Arm, part: DataPart, data: Path, subject: Predictor, folder: Path
    ) -> Mapping[str, Value] | Missing:
        assert self.measure.asks is not None
        votes = self.given.data.get(self.recipe.votes or "")
        # Such a measure asks in one way, the first.
        place = next(iter(asked_in(self.recipe, folder)))
        tables = self.root / self.name
        return self.measure.asks(Asking(arm.name, self.recipe, part, data, subject, place, tables, votes))

    def _add(self, arm: Arm, part: DataPart, found: Mapping[str, Value] | Missing) -> None:
        """Add the cells of an arm and a data set, or what they lack."""
        if not isinstance(found, Missing) and not found:
            read = f"no answer of {arm.name} about {part.name} is read as {self.recipe.reading}"
            found = Missing(read, "choose another --reading, or other images")
        if isinstance(found, Missing):
            self.missing[str(found)] = None
            empty = {"reading": self.recipe.reading, "missing": str(found)}
            self.cells.append(Cell(arm=arm.name, dataset=part.name, **empty))
            return
        self.cells += [
            Cell(
                arm=arm.name,
                line=line,
                dataset=part.name,
                reading=self.recipe.reading,
                value=each.value,
                low=each.low,
                high=each.high,
                n=each.n,
            )
            for line, each in found.items()
        ]

    def compare_images(self, columns: Mapping[DataPart, Chosen | Path | Missing]) -> None:
        """Look for the test images among those that are trained on."""
        wanted = {train.data for arm in self.recipe.arms if (train := self.recipe.tuning(arm))}
        trained = {name: self.given.data[name] for name in sorted(wanted & self.given.data.keys())}
        tests = {part.name: each for part, each in columns.items() if isinstance(each, Chosen)}
        for found in overlaps(trained, tests, self.root):
            self.contaminated.append(found.model_copy(update={"seen": ()}))
            if found.near or found.same_id:
                self.notes[
                    f"{found.test}: {found.near + found.same_id:,} of {found.images:,} images look like ones that are "
                    "trained on, or have their ids, and are counted all the same"
                ] = None

    def results(self) -> Results:
        """Return all of it."""
        cells = with_means(self.cells) if self.measure.mean else self.cells
        return Results(
            self.recipe,
            self.measure,
            with_printed(cells, self.recipe),
            {
                "scores": score(self.rows),
                "stability": stability(self.rows),
                "compared": compare(self.rows),
                "distributions": distribution_scores(self.rows),
                "contamination": self.contaminated,
            },
            list(self.missing),
            list(self.notes),
        )
