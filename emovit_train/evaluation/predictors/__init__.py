"""Whom an evaluation asks, one kind of model a file.

Adding one is a file here and a line below, or a line in another package's `pyproject.toml` under
`[project.entry-points."emovit_train.predictors"]`. Its function takes what names the model, and `PredictorOptions`, and
returns a `Predictor`: see predictor.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emogen.registry import Registry
from emovit_train.evaluation.predictors.predictor import Predictor, PredictorOptions, Question, Reply

__all__ = ["PREDICTORS", "Predictor", "PredictorOptions", "Question", "Reply", "open_predictor"]

_HERE: Final = "emovit_train.evaluation.predictors"

PREDICTORS: Final[Registry[Callable[[str, PredictorOptions], Predictor]]] = Registry(
    "predictor",
    "emovit_train.predictors",
    {
        "checkpoint": f"{_HERE}.tuned:Tuned",
        "model": f"{_HERE}.model:open_model",
        "backend": f"{_HERE}.api:Api",
    },
)


def open_predictor(kind: str, model: str, options: PredictorOptions | None = None) -> Predictor:
    """Return a model that can be asked; its weights are loaded when it is first asked.

    Args:
        kind: Name in `PREDICTORS`.
        model: What names the model: a folder, a name on the Hugging Face Hub, an API's model.
        options: How it is asked.

    Raises:
        UnknownNameError: there is no such kind.
        EmovitError: the model is not there, or cannot be asked so.
    """
    return PREDICTORS.get(kind)(model, options or PredictorOptions())
