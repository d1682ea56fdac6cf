"""A checkpoint of ours, tuned or as it was before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emogen.terminal import note
from emovit_train.checkpoint import load_checkpoint, read_config
from emovit_train.evaluation.predictors.assembly import ask_assembly
from emovit_train.evaluation.predictors.enough_memory import enough_memory
from emovit_train.evaluation.predictors.predictor import PredictorOptions, Question, Reply
from emovit_train.precision import best_device

if TYPE_CHECKING:
    from emovit_train.model import Assembly

__all__ = ["Tuned"]


class Tuned:
    """A folder that `emovit_train train` wrote.

    Args:
        checkpoint: The folder.
        options: `untuned`, `device`, `batch_size` and `decoding` are looked at.

    Raises:
        InputError: the checkpoint or the device cannot be used.
    """

    ranks = True

    def __init__(self, checkpoint: str, options: PredictorOptions) -> None:
        self._folder = Path(checkpoint)
        self._options = options
        self._device = best_device(options.device)
        config = read_config(self._folder)
        self._takes_captions = config.spec.context == "caption"
        self.name = f"{self._folder.resolve().name}{', untuned' if options.untuned else ''}"
        self.trained_images = frozenset(config.trained_images)
        self.identity: dict[str, Any] = {
            "kind": "checkpoint",
            "tensors_sha256": config.tensors_sha256,
            "base_sha256": config.base_sha256,
            "untuned": options.untuned,
            "decoding": asdict(options.decoding),
        }
        self._model: Assembly | None = None

    def predict(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Reply]]:
        """See `Predictor`."""
        without = sum(question.caption is None for question in questions)
        if self._takes_captions and without:
            note(
                "this model was tuned with captions before its instructions, and "
                f"{without} of {len(questions)} records have none"
            )
        with enough_memory(f"--checkpoint {self._folder}"):
            yield from ask_assembly(self._loaded(), questions, self._options)

    def _loaded(self) -> Assembly:
        if self._model is None:
            self._model = load_checkpoint(self._folder, untuned=self._options.untuned, device=self._device)
        return self._model
