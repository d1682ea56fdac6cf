"""A run before its first step: what was read, what was assembled from it, and what it is worth untrained."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emogen.errors import InputError
from emogen.resources import checkout
from emogen.reviews import REVIEWS, ReviewCounts
from emogen.revision import git_revision
from emogen.terminal import note
from emovit_train.checkpoint import CheckpointConfig, Provenance, read_config, start_from
from emovit_train.data import Row, data_file, heeding_of, read_rows, split_rows
from emovit_train.features import ImageFeatures, ViewSource
from emovit_train.fingerprint import sha256_file, sha256_tensors
from emovit_train.images import check_images
from emovit_train.mixture import choose_portion, choose_types
from emovit_train.models import MODELS, ModelSpec, resolve_model
from emovit_train.objective import Example, asked_of, encode_rows, mean_loss, measured_of
from emovit_train.plan import RunPlan, lane_size
from emovit_train.predict import generate
from emovit_train.views import open_views

if TYPE_CHECKING:
    from emovit_train.model import Assembly
    from emovit_train.ranks import Ranks
    from emovit_train.settings import TrainSettings

__all__ = ["Data", "Run", "assemble", "read_data"]

SHOWN_PHOTOGRAPHS: Final = 2


@dataclass(frozen=True)
class Data:
    """What is trained on.

    Attributes:
        training: Rows to train on.
        held_out: Rows that are only measured.
        sha256: Of the data file.
        reviewed: What people's decisions came to; None where there were none, or they were not to be heeded.
        reviews_sha256: Of the file of these decisions.
    """

    training: Sequence[Row]
    held_out: Sequence[Row]
    sha256: str
    reviewed: ReviewCounts | None = None
    reviews_sha256: str | None = None

    @property
    def rows_sha256(self) -> str:
        """Of what stands in the rows: the same where only decisions were added that change none of them."""
        digest = hashlib.sha256()
        for row in (*self.training, *self.held_out):
            said = [row.record_id, row.image.name, row.question, row.answer, row.context, row.split]
            digest.update(json.dumps(said).encode())
        return digest.hexdigest()


def read_data(data: Path, images: Path | None, settings: TrainSettings) -> Data:
    """Read the rows, choose those to train on, and make sure that their photographs can be read.

    All held-out rows that no reviewer rejects are measured, whatever is trained on, so that runs can be compared.

    Raises:
        InputError: a file is missing or malformed, a photograph is, or a type or all context is missing.
    """
    file = data_file(data)
    heeding = heeding_of(data, settings.reviewed)
    training, held_out = split_rows(read_rows(data, images, heeding), file)
    if heeding is not None:
        note(f"reviewed: {heeding.counts.told()} (--reviewed all takes every sample as it was made)")
    if settings.types is not None:
        training = choose_types(training, settings.types, seed=settings.seed)
    if settings.portion is not None:
        training = choose_portion(training, settings.portion, seed=settings.seed)
    rows = (*training, *held_out)
    if settings.context == "caption":
        _check_captions(rows, file)
    check_images(row.image for row in rows)
    if heeding is None:
        return Data(training, held_out, sha256_file(file))
    return Data(training, held_out, sha256_file(file), heeding.counts, sha256_file(file.with_name(REVIEWS)))


def _check_captions(rows: Sequence[Row], file: Path) -> None:
    without = sum(row.context is None for row in rows)
    if without == len(rows):
        raise InputError(
            "no row has a caption to precede its instruction",
            where=file,
            remedy="Leave out --context, or train on the samples of captioned records.",
        )
    if without:
        note(f"{without} of {len(rows)} rows have no caption: their instructions stand alone")


@dataclass(frozen=True)
class Run:
    """All that the steps of a run work with.

    Attributes:
        settings: What it was told.
        ranks: The processes.
        out: Where it is saved.
        data: The rows.
        model: On its device.
        features: Plain, of the photographs that are measured and asked about.
        views: Where training gets its features from.
        training: The rows to train on, with their tokens.
        held_out: The rows that are only measured.
        start: The earlier checkpoint that it begins with, if any.
    """

    settings: TrainSettings
    ranks: Ranks
    out: Path
    data: Data
    model: Assembly
    features: ImageFeatures
    views: ViewSource
    training: Sequence[Example]
    held_out: Sequence[Example]
    start: CheckpointConfig | None

    def measured(self) -> dict[str, Any]:
        """Return what the model is worth now: its losses, its sample answers, and the hash of what is frozen."""
        return {
            "loss": mean_loss(self.model, self.features, measured_of(self.training)),
            "held_out_loss": self.held_out_loss(),
            "answers": self.answers(),
            "frozen_sha256": sha256_tensors(self.model.frozen_tensors()),
        }

    def held_out_loss(self) -> float | None:
        """Return the mean loss per answer token of the held-out rows; None where there are none."""
        return mean_loss(self.model, self.features, measured_of(self.held_out)) if self.held_out else None

    @property
    def start_sha256(self) -> str | None:
        """Of the tensors that it begins with, where it begins with an earlier checkpoint's."""
        return self.start.tensors_sha256 if self.start else None

    @property
    def plan(self) -> RunPlan:
        """The steps."""
        return RunPlan(self.training, self.settings, self.ranks.world * self.settings.accumulate)

    @property
    def asked(self) -> list[Row]:
        """The rows that are asked about before, meanwhile and after."""
        return [*_asked(self.data.training), *_asked(self.data.held_out)]

    def answers(self) -> list[str]:
        """Return what the model says to `asked`."""
        seen = self.features.batch([row.image for row in self.asked])
        asked = [asked_of(self.model, row.question, row.context) for row in self.asked]
        return generate(self.model, seen, asked)

    def trained_images(self) -> set[str]:
        """Return the SHA-256 of every photograph that is trained on, or was before this run started."""
        earlier = self.start.trained_images if self.start else ()
        return {*earlier, *(sha256_file(path) for path in {row.image for row in self.data.training})}

    def provenance(self, step: int) -> Provenance:
        """Return how the weights after a step came about."""
        return Provenance(
            settings=self.settings.model_dump(mode="json"),
            data_sha256=self.data.sha256,
            reviewed=self.data.reviewed,
            reviews_sha256=self.data.reviews_sha256,
            step=step,
            start_sha256=self.start_sha256,
            git_revision=git_revision(checkout()),
            versions={
                "python": platform.python_version(),
                "torch": version("torch"),
                "transformers": version("transformers"),
            },
        )


def assemble(settings: TrainSettings, ranks: Ranks, out: Path, data: Data) -> Run:
    """Build the model, tokenise the rows, and look at the photographs that are measured or kept for training.

    Raises:
        InputError: the model cannot be used, steps cannot be shared out among the processes, or there are no held-out
            rows to choose a checkpoint by.
    """
    lane_size(settings, ranks.world * settings.accumulate)
    if settings.keep_best and not data.held_out:
        raise InputError(
            "there are no held-out rows to choose by",
            where="--keep-best",
            remedy='Give some records the split "val" (emogen records --split-by draws one), or leave it out.',
        )
    kind, folder = resolve_model(settings.model, settings.arch)
    spec = ModelSpec(
        kind,
        folder,
        settings.seed,
        settings.frozen_dtype,
        settings.text_norm,
        settings.context,
        settings.lora_rank,
    )
    start = read_config(Path(settings.start)) if settings.start else None
    model = MODELS.get(kind).assemble(spec)
    if start:
        start_from(Path(str(settings.start)), start, model, settings.parts)
    model.set_trained(settings.parts)
    model.to(ranks.device)
    training, held_out = encode_rows(model, data.training), encode_rows(model, data.held_out)
    features = ImageFeatures(model)
    if ranks.is_first:
        measured = [example.row for example in (*measured_of(training), *measured_of(held_out))]
        features.compute(row.image for row in (*measured, *_asked(data.training), *_asked(data.held_out)))
    views = open_views(model, settings, ranks, features, {row.image for row in data.training})
    return Run(settings, ranks, out, data, model, features, views, training, held_out, start)


def _asked(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that are asked about: one for each of the first few photographs.

    That is a photograph's question about its emotion in general, where it has one, rather than about a detail.
    """
    chosen: dict[Path, Row] = {}
    for row in sorted(
        rows, key=lambda row: (str(row.image), row.kind != "categorical", row.kind != "reasoning")
    ):
        chosen.setdefault(row.image, row)
    return list(chosen.values())[:SHOWN_PHOTOGRAPHS]
