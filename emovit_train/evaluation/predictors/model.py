"""A checkpoint of transformers: InstructBLIP by the assembly that is tuned, any other by transformers' own class."""

from __future__ import annotations

from pathlib import Path

from emogen.errors import InputError
from emogen.registry import require
from emovit_train.evaluation.predictors.predictor import Predictor, PredictorOptions

__all__ = ["open_model"]


def open_model(model: str, options: PredictorOptions) -> Predictor:
    """Return what asks a checkpoint.

    Args:
        model: A folder, or `owner/name` on the Hugging Face Hub.
        options: How it is asked.

    Raises:
        InputError: it is no checkpoint that answers questions about images, or the device cannot be used.
        EmovitError: a package that the checkpoint needs is not installed.
        MissingExtraError: transformers or torch is not installed.
    """
    for package in ("torch", "transformers"):
        require(package, extra="train", purpose="Asking a model")
    from emovit_train.evaluation.predictors.image_text import ImageText
    from emovit_train.evaluation.predictors.instructblip import InstructBlip
    from emovit_train.evaluation.predictors.transformers_checkpoint import REMEDY, load_part

    if not Path(model).is_dir() and (model.startswith(("/", ".", "~")) or model.count("/") != 1):
        raise InputError("no such folder", where=f"--model {model}", remedy=REMEDY)
    config = load_part(model, "AutoConfig")
    return (InstructBlip if config.model_type == "instructblip" else ImageText)(model, config, options)
