"""Which views of the photographs a run trains on, and where their features come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emovit_train.batches import POOL_IMAGES
from emovit_train.feature_cache import FeatureCache, cache_key
from emovit_train.features import FreshViews, ImageFeatures, ViewSource

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.model import Assembly
    from emovit_train.ranks import Ranks
    from emovit_train.settings import TrainSettings

__all__ = ["KEPT_IMAGES", "fit_normalisation", "open_views"]

# Plain views of so many photographs are kept in memory: 3 GB of ViT-g's features in bfloat16, 1 GB of nano's.
KEPT_IMAGES: Final = 4096


def open_views(
    model: Assembly, settings: TrainSettings, ranks: Ranks, plain: ImageFeatures, photographs: Iterable[Path]
) -> ViewSource:
    """Return where training gets its views from: a cache on disk, fresh random crops, or the plain views.

    Args:
        model: Whose encoder is used.
        settings: Of the run.
        ranks: The first process fills the cache, and the first of each machine one on a disk of its own; others read.
        plain: What is measured by; it keeps plain views of few photographs for training, too.
        photographs: All that are trained on.

    Raises:
        InputError: the cache holds features of something else, or a photograph cannot be read.
    """
    wanted = set(photographs)
    if settings.feature_cache is not None:
        return _open_cache(Path(settings.feature_cache), model, settings, ranks, wanted)
    if settings.augment or len(wanted) > KEPT_IMAGES:
        return FreshViews(model, augment=settings.augment, seed=settings.seed)
    plain.compute(wanted)
    return plain


def _open_cache(
    folder: Path, model: Assembly, settings: TrainSettings, ranks: Ranks, photographs: Iterable[Path]
) -> FeatureCache:
    key = cache_key(model, augment=settings.augment, seed=settings.seed, views=settings.views)
    cache = FeatureCache(folder, model, key) if ranks.is_first else None
    if cache:
        cache.compute(photographs)
    shards = ranks.share(cache.shards if cache else None)
    if ranks.is_first_here and cache is None:
        # On a disk that all machines share, nothing is lacking any more.
        cache = FeatureCache(folder, model, key, shards)
        cache.compute(photographs)
    ranks.wait()
    return cache or FeatureCache(folder, model, key, shards)


def fit_normalisation(model: Assembly, views: ViewSource, ranks: Ranks, photographs: Iterable[Path]) -> None:
    """Fit what an assembly fits to its training photographs; all processes get what the first one finds.

    An assembly that fits nothing looks at no photograph.
    """
    if ranks.is_first:
        model.fit_normalisation(_first_views(views, sorted(set(photographs))))
    fitted = model.fitted_tensors()
    for name, found in ranks.share({name: each.cpu() for name, each in fitted.items()}).items():
        fitted[name].copy_(found)


def _first_views(views: ViewSource, photographs: list[Path]) -> Iterator[Tensor]:
    for start in range(0, len(photographs), POOL_IMAGES):
        some = photographs[start : start + POOL_IMAGES]
        pool = views.pool(some, 1)
        for path in some:
            yield pool.batch([path])[0]
