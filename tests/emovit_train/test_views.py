"""What a run looks at."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from emogen.errors import InputError
from emovit_train import objective, views
from emovit_train.checkpoint import read_config
from emovit_train.instructblip import VisionTokens
from emovit_train.model import EmoVIT
from emovit_train.nano import ZScore
from emovit_train.ranks import Ranks
from emovit_train.run import Run, assemble, read_data
from emovit_train.settings import TrainSettings
from emovit_train.train import train
from emovit_train.views import fit_normalisation
from tests.emovit_train.conftest import tiny_settings

ONE = Ranks(0, 1, torch.device("cpu"))
pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many views the encoder was given, call by call."""
    calls: list[int] = []
    forward = VisionTokens.forward

    def counted(self: VisionTokens, pixels: torch.Tensor) -> torch.Tensor:
        calls.append(len(pixels))
        return forward(self, pixels)

    monkeypatch.setattr(VisionTokens, "forward", counted)
    return calls


@pytest.fixture
def pictures(run_folder: Path, tmp_path: Path) -> Path:
    """The run with photographs that look otherwise when they are cropped."""
    folder = tmp_path / "pictures"
    shutil.copytree(run_folder, folder)
    rng = np.random.default_rng(0)
    for path in folder.glob("photos/*.png"):
        Image.fromarray(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(path)
    return folder


def trained(run_folder: Path, out: Path, folder: Path, **told: Any) -> str:
    train(run_folder, out, tiny_settings(folder, epochs=2, **told))
    return read_config(out).tensors_sha256


def assembled(run_folder: Path, out: Path, settings: TrainSettings) -> Run:
    return assemble(settings, ONE, out, read_data(run_folder, None, settings))


def test_a_cache_trains_as_fresh_views_do(
    tiny_folder: Path, pictures: Path, tmp_path: Path, seen: list[int]
) -> None:
    """With a view for each epoch the weights are the same bits, and a second run asks nothing of the encoder."""
    fresh = trained(pictures, tmp_path / "fresh", tiny_folder)
    assert len(seen) == 4 + 2 * 3
    cached = {"feature_cache": str(tmp_path / "cache"), "views": 2}
    assert trained(pictures, tmp_path / "first", tiny_folder, **cached) == fresh
    seen.clear()
    assert trained(pictures, tmp_path / "second", tiny_folder, **cached) == fresh
    assert len(seen) == 4  # plain views, to measure by


class Elsewhere(Ranks):
    """A process on another machine than the first one, which has filled a cache with one shard."""

    def share(self, value: Any) -> Any:
        assert value is None
        return ["views-0123456789abcdef-4.safetensors"]

    def wait(self) -> None:
        pass


def test_a_machine_with_a_disk_of_its_own_fills_a_cache_of_its_own(
    tiny_folder: Path, run_folder: Path, tmp_path: Path, seen: list[int]
) -> None:
    """Where another machine's cache is not to be seen, one process of this one fills it, and its others read that."""
    settings = tiny_settings(tiny_folder, batch_size=4, feature_cache=str(tmp_path / "cache"))
    data = read_data(run_folder, None, settings)
    photographs = {row.image for row in data.training}
    for local_rank, encoded in ((0, len(photographs)), (1, 0)):
        ranks = Elsewhere(2 + local_rank, 4, ONE.device, local_rank)
        seen.clear()
        run = assemble(settings, ranks, tmp_path, data)
        assert sum(seen) == encoded
        run.views.pool(photographs, 1)
        assert sum(seen) == encoded


def test_without_augmentation_each_photograph_is_seen_once(
    tiny_folder: Path, pictures: Path, tmp_path: Path, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain views are kept for all epochs; of more photographs than memory holds they are made anew, to the bit."""
    kept = trained(pictures, tmp_path / "kept", tiny_folder, augment=False)
    assert len(seen) == 4
    monkeypatch.setattr(views, "KEPT_IMAGES", 2)
    assert trained(pictures, tmp_path / "anew", tiny_folder, augment=False) == kept
    assert trained(pictures, tmp_path / "augmented", tiny_folder) != kept


def test_a_run_begins_with_the_photographs_that_are_measured(
    tiny_folder: Path, run_folder: Path, tmp_path: Path, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many photographs, those of the measured rows and the sample questions are looked at, and no more."""
    monkeypatch.setattr(objective, "MEASURED_ROWS", 1)
    monkeypatch.setattr("emovit_train.run.SHOWN_PHOTOGRAPHS", 1)
    run = assembled(run_folder, tmp_path, tiny_settings(tiny_folder))
    assert len(seen) < 4
    seen.clear()
    assert run.measured()["loss"] > 0
    assert not seen


def test_the_normalisation_is_fitted_to_what_is_trained_on(
    tiny_model: EmoVIT, tiny_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    """An assembly that fits one gets mean and spread of all training photographs, and of no other."""
    run = assembled(run_folder, tmp_path, tiny_settings(tiny_folder, augment=False))
    photographs = [row.image for row in run.data.training]
    run.model.ln_vision = ZScore(16)  # type: ignore[assignment]
    fit_normalisation(run.model, run.views, ONE, photographs)
    features = run.features.batch(sorted(set(photographs))).flatten(0, 1)
    torch.testing.assert_close(run.model.ln_vision.mean, features.mean(0))
    assert len(run.model.fitted_tensors()) == 2


def test_a_cache_of_another_model_is_refused(
    tiny_folder: Path, tiny_t5_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    """Features of other views are named, before anything is trained."""
    cached = {"feature_cache": str(tmp_path / "cache")}
    trained(run_folder, tmp_path / "first", tiny_folder, **cached)
    with pytest.raises(InputError, match="views 1 instead of 2"):
        trained(run_folder, tmp_path / "other", tiny_folder, **cached, views=2)


def test_views_need_a_cache_and_augmentation() -> None:
    """Views that nothing would keep, or that would all be the same, are refused."""
    for told in ({"views": 2}, {"views": 2, "feature_cache": "cache", "augment": False}):
        with pytest.raises(ValueError, match="views needs feature_cache and augment"):
            TrainSettings.model_validate({"epochs": 1, "batch_size": 1, **told})
