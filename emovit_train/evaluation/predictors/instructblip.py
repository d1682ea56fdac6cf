"""InstructBLIP as it comes, asked by the assembly that is tuned from it.

Numbers before and after tuning then differ by the tuning alone: tokens, pixels and the search for an answer are those
of a checkpoint, and LAVIS'. transformers' own `generate` differs where repetitions are penalised, since it counts the
words of the question, too, and fails where a question is longer than the Q-Former can read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emovit_train.evaluation.predictors.assembly import ask_assembly
from emovit_train.evaluation.predictors.enough_memory import enough_memory
from emovit_train.evaluation.predictors.predictor import PredictorOptions, Question, Reply
from emovit_train.evaluation.predictors.transformers_checkpoint import asked_dtype, identity_of_weights
from emovit_train.hub import obtain
from emovit_train.models import MODELS, ModelSpec
from emovit_train.precision import best_device, dtype_name

if TYPE_CHECKING:
    from emovit_train.model import Assembly

__all__ = ["InstructBlip"]


class InstructBlip:
    """A checkpoint of the Vicuna or the FlanT5 kind; from the Hub it is downloaded after it was said what that takes.

    Args:
        model: A folder, or `owner/name` on the Hugging Face Hub.
        config: Its configuration, as transformers read it.
        options: `device`, `dtype`, `batch_size` and `decoding` are looked at.

    Raises:
        InputError: the device cannot be used.
    """

    ranks = True
    trained_images: frozenset[str] = frozenset()

    def __init__(self, model: str, config: Any, options: PredictorOptions) -> None:
        self._spec = model
        self._options = options
        self._device = best_device(options.device)
        self._dtype = dtype_name(asked_dtype(options.dtype, self._device))
        self.name = Path(model).resolve().name if Path(model).is_dir() else model
        self.identity: Mapping[str, Any] = {
            "kind": "instructblip",
            "weights": identity_of_weights(model, config),
            "dtype": self._dtype,
            "decoding": asdict(options.decoding),
        }
        self._model: Assembly | None = None

    def predict(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Reply]]:
        """See `Predictor`."""
        with enough_memory(f"--model {self._spec}"):
            if self._model is None:
                self._model = self._loaded()
            yield from ask_assembly(self._model, questions, self._options)

    def _loaded(self) -> Assembly:
        folder = (
            self._spec if Path(self._spec).is_dir() else str(obtain(self._spec, "instructblip", yes=True))
        )
        spec = ModelSpec("instructblip", folder, frozen_dtype=self._dtype)
        return MODELS.get("instructblip").assemble(spec).to(self._device).eval()
