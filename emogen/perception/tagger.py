"""Names scene, objects, expression and action zero-shot: compares images with texts, by CLIP, SigLIP and the like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from emogen.errors import InputError
from emogen.perception import ATTRIBUTES, Finding, lacks
from emogen.perception.checkpoint import Checkpoint, Machine, explained_memory, model_name
from emogen.perception.tensors import joined
from emogen.perception.vocabularies import Wording, value_set, wording
from emogen.schemas import MODEL_ORIGIN, ImageRecord

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

__all__ = ["KIND", "MAX_OBJECTS", "Tagger"]

KIND: Final = "AutoModel"

MAX_OBJECTS: Final = 3
TEXTS_AT_ONCE: Final = 64


class Tagger:
    """A model with an image and a text encoder into one space, over EmoSet's value sets.

    A value's share is its softmax among all values of the attribute and the texts that say that there is none; a value
    is named if no text of absence beats it and its share reaches the threshold. The texts of a value make one
    direction: the mean of their unit vectors. They are embedded once, and kept.

    Args:
        spec: A checkpoint that has `get_image_features` and `get_text_features`.
        machine: Where it runs.
        fields: Which of `ATTRIBUTES` it names, and `emotion`, which it chooses among the record's labels.
        thresholds: Field → least share, instead of the bundled ones.

    Raises:
        InputError: the checkpoint cannot be used.
        MissingExtraError: transformers or torch is not installed.
    """

    def __init__(
        self,
        spec: str,
        machine: Machine,
        fields: Sequence[str] = ATTRIBUTES,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        checkpoint = Checkpoint(spec, "--tagger")
        self._model = checkpoint.model(KIND, machine)
        if not hasattr(self._model, "get_image_features") or not hasattr(self._model, "get_text_features"):
            raise InputError(
                f"{type(self._model).__name__} does not compare images with texts",
                where=f"--tagger {spec}",
                remedy="Name a checkpoint of CLIP, SigLIP or the like.",
            )
        self._images = checkpoint.image_processor()
        self._tokenizer = checkpoint.tokenizer()
        self._machine = machine
        self._padding = _padding(checkpoint.config)
        self.fields = tuple(fields)
        self._thresholds = {name: wording(name).threshold for name in fields} | dict(thresholds or {})
        self._known: dict[tuple[str, tuple[str, ...]], Tensor] = {}
        self.origin = f"{MODEL_ORIGIN}{model_name(spec)}"
        self.identity = {
            "stage": "tagger",
            **checkpoint.identity,
            "dtype": machine.dtype,
            "fields": self.fields,
            "thresholds": self._thresholds,
            "wording": [repr(wording(name)) for name in fields],
        }

    def prepare(self, image: Image) -> dict[str, Tensor]:
        """Return the model's inputs of one image: `pixel_values`, float [1, 3, height, width]."""
        return dict(self._images(images=image, return_tensors="pt"))

    def find(self, records: Sequence[ImageRecord], prepared: Sequence[Any]) -> list[Finding]:
        """Return the values that are certain enough, most certain first where there may be several."""
        directions = self.image_directions(prepared)
        found: list[dict[str, Any]] = [{} for _ in records]
        for field in self.fields:
            for finding, record, direction in zip(found, records, directions, strict=True):
                if lacks(record, field):
                    names = record.labels if field == "emotion" else value_set(field)
                    finding.update(self._named(field, names, direction))
        return [*found]

    def image_directions(self, prepared: Sequence[dict[str, Tensor]]) -> Tensor:
        """Return unit vectors, float32 [images, width]."""
        import torch

        with torch.inference_mode(), explained_memory("a smaller --batch-size"):
            features = self._model.get_image_features(**joined(prepared, self._machine))
        return _unit(_pooled(features))

    def text_directions(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors, float32 [texts, width]."""
        import torch

        parts = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            tokens = self._tokenizer(
                list(texts[start : start + TEXTS_AT_ONCE]),
                truncation=True,
                return_tensors="pt",
                **self._padding,
            )
            # What a text encoder was not trained with (token types, say) is not given to it.
            taken = {name: tokens[name] for name in ("input_ids", "attention_mask") if name in tokens}
            with torch.inference_mode():
                features = self._model.get_text_features(**joined([taken], self._machine))
            parts.append(_unit(_pooled(features)))
        return torch.cat(parts)

    def scores(self, images: Tensor, texts: Tensor) -> Tensor:
        """Return the model's own logits, float32 [images, texts]: the scaled cosine, with SigLIP's bias."""
        scores: Tensor = images @ texts.T * self._model.logit_scale.float().exp()
        bias = getattr(self._model, "logit_bias", None)
        return scores if bias is None else scores + bias.float()

    def _named(self, field: str, names: tuple[str, ...], direction: Tensor) -> dict[str, Any]:
        shares = self.scores(direction[None], self._texts(field, names))[0].softmax(dim=-1)
        best_absent = shares[len(names) :].max().item() if len(shares) > len(names) else 0.0
        least = max(self._thresholds[field], best_absent)
        ranked = shares[: len(names)].topk(min(MAX_OBJECTS, len(names)))
        chosen = [
            names[place]
            for share, place in zip(ranked.values.tolist(), ranked.indices.tolist(), strict=True)
            if share >= least
        ]
        if not chosen:
            return {}
        return {field: chosen if field == "object" else chosen[0]}

    def _texts(self, field: str, names: tuple[str, ...]) -> Tensor:
        """Return a unit vector for each name, and one for each text of absence behind them."""
        import torch

        known = self._known.get((field, names))
        if known is None:
            words: Wording = wording(field)
            sentences = [sentence for name in names for sentence in words.sentences(name)]
            each = self.text_directions(sentences).view(len(names), len(words.templates), -1)
            parts = [_unit(each.mean(dim=1))]
            if words.absent:
                parts.append(self.text_directions(words.absent))
            known = self._known[field, names] = torch.cat(parts)
        return known


def _padding(config: Any) -> dict[str, Any]:
    """Return how texts are padded: SigLIP was trained on texts of full length, and takes no others."""
    text = getattr(config, "text_config", config)
    longest = getattr(text, "max_position_embeddings", None)
    is_siglip = str(config.model_type).startswith("siglip")
    return {"padding": "max_length" if is_siglip else True, "max_length": longest}


def _pooled(features: Any) -> Tensor:
    """Return the features themselves; some models wrap them with what they were made of."""
    pooled: Tensor = getattr(features, "pooler_output", features)
    return pooled.float()


def _unit(vectors: Tensor) -> Tensor:
    unit: Tensor = vectors / vectors.norm(dim=-1, keepdim=True)
    return unit
