"""From the arms of a recipe to models that can be asked; what has to be tuned first is tuned, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from emogen.reviews import REVIEWS
from emogen.terminal import say
from emovit_train.checkpoint import TENSORS
from emovit_train.data import data_file, heeding_of
from emovit_train.evaluation.predictors import PREDICTORS, Predictor, PredictorOptions, open_predictor
from emovit_train.fingerprint import sha256_file
from emovit_train.report import REPORT
from emovit_train.reproduction.given import INSTRUCTIONS, Given, Missing
from emovit_train.reproduction.identity import digest_of, fingerprint
from emovit_train.reproduction.recipe import Arm, Recipe, Tuning
from emovit_train.settings import FREE, TrainSettings
from emovit_train.told import read_settings

__all__ = ["TRAINED", "open_subject"]

TRAINED: Final = "trained"
CHECKPOINT: Final = "checkpoint"


def open_subject(
    arm: Arm, recipe: Recipe, given: Given, options: PredictorOptions, root: Path
) -> Predictor | Missing:
    """Return the model of an arm, tuned before where the arm says so; or what it lacks.

    Args:
        arm: One line of the recipe.
        recipe: The experiment.
        given: What the user has.
        options: How models are asked.
        root: Folder of all experiments; a tuning lies in `trained`, whichever recipe wanted it.

    Raises:
        EmovitError: the model cannot be used, or not be tuned.
    """
    if arm.model is not None:
        where = given.model(arm.model, recipe.models[arm.model].about)
        if isinstance(where, Missing):
            return where
        kind, place = _kind(where, recipe.models[arm.model].predictor)
        return open_predictor(kind, place, options)
    tuning = recipe.tuning(arm)
    assert tuning is not None
    folder = _tuned(tuning, recipe, given, root)
    if isinstance(folder, Missing):
        return folder
    return open_predictor(CHECKPOINT, str(folder), replace(options, untuned=arm.train is None))


def _kind(where: str, usual: str) -> tuple[str, str]:
    """Return the predictor's kind and what names the model, of `KIND:WHERE` or of a place alone."""
    kind, mark, place = where.partition(":")
    if mark and kind in PREDICTORS:
        return kind, place
    return (CHECKPOINT if (Path(where) / TENSORS).is_file() else usual), where


def _tuned(tuning: Tuning, recipe: Recipe, given: Given, root: Path) -> Path | Missing:
    """Return the checkpoint of a tuning; an interrupted one goes on, a finished one is taken as it is."""
    data = given.folder(tuning.data, INSTRUCTIONS)
    model = given.model(tuning.model, recipe.models[tuning.model].about)
    for each in (data, model):
        if isinstance(each, Missing):
            return each
    assert isinstance(data, Path)
    assert isinstance(model, str)
    settings = read_settings({**tuning.settings, **given.settings, "model": model})
    folder = root / TRAINED / f"{tuning.model}-{digest_of(_identity(settings, data, model))}"
    if not (folder / REPORT).is_file():
        from emovit_train.train import train

        say(f"tuning     {tuning.model} on {tuning.data} -> {folder}", err=True)
        train(data, folder, settings)
    return folder


def _identity(settings: TrainSettings, data: Path, model: str) -> Mapping[str, Any]:
    told = settings.model_dump(mode="json", exclude={*FREE, "model", "feature_cache"})
    file = data_file(data)
    identity = {
        "settings": told,
        "model": fingerprint(model),
        # A file that is not there is for tuning to complain of.
        "data": sha256_file(file) if file.is_file() else str(file),
    }
    if heeding_of(data, settings.reviewed) is not None:
        identity["reviews"] = sha256_file(file.with_name(REVIEWS))
    return identity
