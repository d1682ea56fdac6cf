"""Frozen features of K views of each photograph, kept on disk: the encoder then runs once, not once per epoch.

cache.json             `CacheKey`: what the features were computed with
views-*.safetensors    photographs by the SHA-256 of their bytes: (K, N, D), before `ln_vision`

Shards are read through memory maps. Each is written whole, so that a run that is killed goes on with what is there.
An epoch takes view `(epoch - 1) mod K`, which is what `FreshViews` would compute in the first K epochs, to the bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from emogen.atomic import replacing_path, writable_folder, write_text
from emogen.errors import InputError, shorten
from emogen.lock import locked
from emogen.terminal import progress
from emovit_train.features import PoolFeatures, encode_views, view_pixels
from emovit_train.fingerprint import sha256_file, sha256_tensors
from emovit_train.precision import dtype_name, named_dtype

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.model import Assembly

__all__ = ["CacheKey", "FeatureCache", "cache_key"]

KEY: Final = "cache.json"
SHARD_IMAGES: Final = 64
_REMEDY: Final = "Name another folder, or delete this one to compute its features again."


class CacheKey(BaseModel):
    """What the features of a cache depend on; features of another key are of no use.

    Attributes:
        format: Version of the layout.
        encoder_sha256: Of the image encoder's weights, in the number format that they compute in.
        preprocessing: Size, mean and spread of the encoder's input.
        views: Views per photograph.
        augment: Whether views are cropped and flipped at random.
        seed: Of the random views; 0 where there are none.
        dtype: Number format that the features are kept in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    encoder_sha256: str
    preprocessing: dict[str, Any]
    views: int
    augment: bool
    seed: int
    dtype: str


def cache_key(
    model: Assembly,
    *,
    augment: bool,
    seed: int,
    views: int = 1,
    dtype: Literal["encoder", "bfloat16", "float16", "float32"] = "encoder",
) -> CacheKey:
    """Return the key of a model's features.

    Args:
        model: Whose encoder and preprocessing are used.
        augment: Whether views are random; the plain view is only one.
        seed: Of random views.
        views: Views per photograph.
        dtype: Number format to keep; the encoder's own loses nothing.
    """
    encoder = model.image_encoder.state_dict()
    own = dtype_name(model.encoder_dtype)
    return CacheKey(
        encoder_sha256=sha256_tensors(encoder),
        preprocessing=json.loads(json.dumps(vars(model.preprocessing))),
        views=views if augment else 1,
        augment=augment,
        seed=seed if augment else 0,
        dtype=own if dtype == "encoder" else dtype,
    )


class FeatureCache:
    """A `ViewSource` on disk.

    Args:
        folder: Where the cache lies; made where it is not there.
        model: Whose features they are.
        key: See `cache_key`.
        shards: Names of shards that another machine has just written. Where the folder is shared, they are there, even
            where a listing does not show them yet.

    Raises:
        InputError: the folder holds features of another key, or a shard is damaged.
    """

    def __init__(self, folder: Path, model: Assembly, key: CacheKey, shards: Iterable[str] = ()) -> None:
        self._folder = folder
        self._model = model
        self._key = key
        self._shard_of: dict[str, Path] = {}
        self._known: dict[Path, str] = {}
        self._check_key()
        self._read_shards(shards)

    @property
    def shards(self) -> list[str]:
        """The names of the files that hold features."""
        return sorted({shard.name for shard in self._shard_of.values()})

    def compute(self, paths: Iterable[Path]) -> None:
        """Compute and keep what the cache lacks of these photographs, with progress.

        Raises:
            InputError: a photograph cannot be read, or another run is filling the cache.
                Or the disk is full: what was written stays of use.
        """
        new: dict[str, Path] = {}
        for path in sorted(set(paths) - self._known.keys()):
            self._known[path] = sha256_file(path)
        for path in sorted(set(paths)):
            if self._known[path] not in self._shard_of:
                new.setdefault(self._known[path], path)
        if not new:
            return
        writable_folder(self._folder)
        with locked(self._folder, "feature cache"), progress("image features", len(new)) as advance:
            waiting = iter(new.items())
            while part := list(islice(waiting, SHARD_IMAGES)):
                self._write(dict(part))
                advance(len(part))

    def pool(self, paths: Iterable[Path], epoch: int) -> PoolFeatures:
        """See `ViewSource`."""
        wanted = sorted(set(paths))
        self.compute(wanted)
        view = (epoch - 1) % self._key.views
        shards: dict[Path, list[Path]] = {}
        for path in wanted:
            shards.setdefault(self._shard_of[self._known[path]], []).append(path)
        return PoolFeatures(
            {
                path: tensor
                for shard, members in shards.items()
                for path, tensor in self._read(shard, members, view)
            }
        )

    def _read(self, shard: Path, paths: Sequence[Path], view: int) -> Iterator[tuple[Path, Tensor]]:
        from safetensors import safe_open

        with safe_open(shard, framework="pt") as tensors:
            for path in paths:
                kept = tensors.get_slice(self._known[path])[view : view + 1][0]
                yield path, kept.to(self._model.device, self._model.encoder_dtype)

    def _write(self, photographs: dict[str, Path]) -> None:
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        dtype = named_dtype(self._key.dtype)
        views: list[list[Tensor]] = []
        for view in range(self._key.views):
            seed = f"{self._key.seed} {view + 1}" if self._key.augment else None

            def pixels(path: Path, seed: str | None = seed) -> Tensor:
                return view_pixels(self._model.preprocessing, path, seed)

            encoded = encode_views(self._model, list(photographs.values()), pixels)
            views.append([features.to("cpu", dtype) for features in encoded])
        tensors = {
            name: torch.stack(each) for name, each in zip(photographs, zip(*views, strict=True), strict=True)
        }
        # Named by what it holds: two runs that fill a cache one after the other never overwrite each other's.
        shard = self._folder / f"views-{min(photographs)[:16]}-{len(photographs)}.safetensors"
        try:
            with replacing_path(shard) as work:
                save_file(tensors, work, metadata={"key": self._key.model_dump_json()})
        except SafetensorError as error:
            raise InputError(
                f"a shard cannot be written: {shorten(error, 120)}",
                where=self._folder,
                remedy="Make room on the disk and start again: what was written is used.",
            ) from error
        self._shard_of.update(dict.fromkeys(photographs, shard))

    def _check_key(self) -> None:
        file = self._folder / KEY
        if not file.exists():
            writable_folder(self._folder)
            write_text(file, self._key.model_dump_json(indent=2) + "\n")
            return
        try:
            found = CacheKey.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise InputError(
                f"not a feature cache: {shorten(error, 120)}", where=file, remedy=_REMEDY
            ) from error
        differing = [name for name, value in vars(self._key).items() if vars(found)[name] != value]
        if differing:
            told = ", ".join(
                f"{name} {shorten(vars(found)[name], 24)} instead of {shorten(vars(self._key)[name], 24)}"
                for name in differing
            )
            raise InputError(
                f"these features do not fit this run: {told}", where=self._folder, remedy=_REMEDY
            )

    def _read_shards(self, told: Iterable[str]) -> None:
        there = {self._folder / name for name in told if (self._folder / name).exists()}
        for shard in sorted(there.union(self._folder.glob("views-*.safetensors"))):
            for name in _names(shard, self._key):
                self._shard_of[name] = shard


def _names(shard: Path, key: CacheKey) -> list[str]:
    """Return the photographs of a shard, after checking that it is whole and of this key."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(shard, framework="pt") as tensors:
            if (tensors.metadata() or {}).get("key") != key.model_dump_json():
                raise InputError("a shard of another cache", where=shard, remedy=_REMEDY)
            return list(tensors.keys())
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"a damaged shard: {shorten(error, 120)}",
            where=shard,
            remedy="Delete it: its features are computed again.",
        ) from error
