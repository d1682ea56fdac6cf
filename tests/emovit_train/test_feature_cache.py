"""Features on disk: the same numbers as without, whole after any end, and refused where they do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from emogen.errors import InputError
from emovit_train import feature_cache
from emovit_train.feature_cache import CacheKey, FeatureCache, cache_key
from emovit_train.features import FreshViews
from emovit_train.model import EmoVIT
from emovit_train.text import collate


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (40, 56, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture
def key(tiny_model: EmoVIT) -> CacheKey:
    return cache_key(tiny_model, augment=True, seed=0, views=2)


def counting(model: EmoVIT, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that tells how many views the encoder has seen."""
    seen: list[int] = []
    encode = model.encode_images

    def counted(pixels: torch.Tensor) -> torch.Tensor:
        seen.append(len(pixels))
        return encode(pixels)

    monkeypatch.setattr(model, "encode_images", counted)
    return lambda: sum(seen)


def test_kept_views_are_those_of_the_first_epochs(
    tiny_model: EmoVIT, photographs: list[Path], key: CacheKey, tmp_path: Path
) -> None:
    """The first K epochs see to the bit what they would see without a cache; then the views come again."""
    cache, fresh = (
        FeatureCache(tmp_path / "cache", tiny_model, key),
        FreshViews(tiny_model, augment=True, seed=0),
    )
    for epoch in (1, 2):
        kept = cache.pool(photographs, epoch).batch(photographs)
        assert torch.equal(kept, fresh.pool(photographs, epoch).batch(photographs))
        assert torch.equal(cache.pool(photographs, epoch + 2).batch(photographs), kept)


def test_losses_are_equal_with_and_without(
    tiny_model: EmoVIT, photographs: list[Path], key: CacheKey, tmp_path: Path
) -> None:
    """Loss and the gradient of `ln_vision`, which runs behind the cache, are those of fresh views."""
    batch = collate([tiny_model.codec.encode("What?", "It is red.")] * 5, tiny_model.codec)
    told = []
    for views in (
        FeatureCache(tmp_path / "cache", tiny_model, key),
        FreshViews(tiny_model, augment=True, seed=0),
    ):
        tiny_model.zero_grad()
        loss = tiny_model(views.pool(photographs, 1).batch(photographs), batch).mean()
        loss.backward()
        told.append((loss.item(), tiny_model.ln_vision.weight.grad.clone()))
    assert told[0][0] == told[1][0]
    assert torch.equal(told[0][1], told[1][1])
    assert told[0][1].abs().max() > 0


def test_a_photograph_is_encoded_once(
    tiny_model: EmoVIT,
    photographs: list[Path],
    key: CacheKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K views of each are computed once, over all epochs and runs; a copy of a photograph is the same photograph."""
    seen = counting(tiny_model, monkeypatch)
    for _ in range(2):
        cache = FeatureCache(tmp_path / "cache", tiny_model, key)
        for epoch in (1, 2, 3):
            cache.pool(photographs, epoch)
    assert seen() == 2 * len(photographs)
    copy = tmp_path / "copy.png"
    copy.write_bytes(photographs[0].read_bytes())
    cache.pool([copy], 1)
    assert seen() == 2 * len(photographs)


def test_a_killed_run_goes_on_with_what_is_there(
    tiny_model: EmoVIT,
    photographs: list[Path],
    key: CacheKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Shards that were written before the end are used; only what is missing is computed."""
    monkeypatch.setattr(feature_cache, "SHARD_IMAGES", 2)
    whole = photographs[4].read_bytes()
    photographs[4].write_bytes(b"\x89PNG")
    with pytest.raises(InputError):
        FeatureCache(tmp_path / "cache", tiny_model, key).compute(photographs)
    photographs[4].write_bytes(whole)
    kept = len(list((tmp_path / "cache").glob("views-*")))
    assert 0 < kept <= 2
    seen = counting(tiny_model, monkeypatch)
    FeatureCache(tmp_path / "cache", tiny_model, key).compute(photographs)
    assert seen() == 2 * (len(photographs) - 2 * kept)


def test_half_precision_is_what_was_asked_for(
    tiny_model: EmoVIT, photographs: list[Path], tmp_path: Path
) -> None:
    """Kept in bfloat16, features take half the room and are off by its rounding only."""
    key = cache_key(tiny_model, augment=False, seed=0, dtype="bfloat16")
    kept = FeatureCache(tmp_path / "half", tiny_model, key).pool(photographs, 1).batch(photographs)
    plain = FreshViews(tiny_model, augment=False, seed=0).pool(photographs, 1).batch(photographs)
    assert kept.dtype == plain.dtype
    assert torch.equal(kept, plain.bfloat16().float())


def test_features_of_another_encoder_are_refused(
    tiny_model: EmoVIT, photographs: list[Path], key: CacheKey, tmp_path: Path
) -> None:
    """Other weights, another number of views or another seed: the error names what differs, and both values."""
    FeatureCache(tmp_path / "cache", tiny_model, key).compute(photographs)
    others = {
        "seed 0 instead of 1": key.model_copy(update={"seed": 1}),
        "views 2 instead of 3": key.model_copy(update={"views": 3}),
    }
    with torch.no_grad():
        next(tiny_model.image_encoder.parameters()).add_(1)
    others["encoder_sha256"] = cache_key(tiny_model, augment=True, seed=0, views=2)
    for message, other in others.items():
        with pytest.raises(InputError, match=message):
            FeatureCache(tmp_path / "cache", tiny_model, other)


def test_damage_is_named(tiny_model: EmoVIT, photographs: list[Path], key: CacheKey, tmp_path: Path) -> None:
    """A shard that was cut short, or a folder with another cache.json, is an error with its path."""
    cache = tmp_path / "cache"
    FeatureCache(cache, tiny_model, key).compute(photographs)
    (shard,) = cache.glob("views-*")
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-8])
    with pytest.raises(InputError, match=rf"{shard.name}: a damaged shard"):
        FeatureCache(cache, tiny_model, key)
    shard.write_bytes(whole)
    (cache / "cache.json").write_text("{}")
    with pytest.raises(InputError, match="not a feature cache"):
        FeatureCache(cache, tiny_model, key)
