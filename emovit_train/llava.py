"""A LLaVA 1.5 checkpoint folder of transformers, tuned on the same instructions (EmoVIT, figure 6).

What can be trained is the projector (`projection`) and low-rank additions to the language model's matrices (`lora`,
Hu et al. 2021), as LLaVA's own recipe for tuning on a task has it.

config.json, *.safetensors      LlavaForConditionalGeneration
preprocessor_config.json        CLIP's: size or crop_size, image_mean, image_std; or within processor_config.json
tokenizer files, chat template
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from emogen.errors import InputError, shorten
from emogen.registry import require
from emovit_train.hub import local_folder
from emovit_train.images import Preprocessing
from emovit_train.llava_text import read_llava_codec
from emovit_train.model import Assembly
from emovit_train.models import ModelKind, ModelSpec, TuningDefaults
from emovit_train.precision import dtype_name, frozen_dtype
from emovit_train.text import TextBatch, TextCodec
from emovit_train.transformers_folder import image_settings, load_complete, model_type

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["KIND", "Llava", "assemble", "load_llava", "low_rank_sum"]

# LLaVA's recipe: all matrices of the language model's layers, twice the rank for alpha, a twentieth dropped out.
_MATRICES: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ALPHA_BY_RANK: Final = 2
_DROPPED: Final = 0.05
_ADAPTER: Final = "default"
_REMEDY: Final = "Name a folder laid out as llava-1.5-7b-hf on the Hugging Face Hub."


class PatchTokens(nn.Module):
    """The checkpoint's vision tower up to the layers that its projector reads."""

    def __init__(self, vision_tower: nn.Module, layers: int | list[int], strategy: str) -> None:
        super().__init__()
        self.vision_tower = vision_tower
        self._layers = [layers] if isinstance(layers, int) else list(layers)
        self._first = 1 if strategy == "default" else 0

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, patches, D) for images (B, 3, height, width), several layers side by side."""
        states = self.vision_tower(pixels, output_hidden_states=True).hidden_states
        return torch.cat([states[layer][:, self._first :] for layer in self._layers], -1)


class Llava(Assembly):
    """CLIP's patches go through a small network, each to one position of the language model.

    Args:
        spec: See `Assembly`, as all that is not named here; `lora_rank` is that of the additions.
        projection: (B, N, D) → (B, N, L).
    """

    trainable = ("projection", "lora")

    def __init__(
        self,
        *,
        spec: ModelSpec,
        preprocessing: Preprocessing,
        image_encoder: nn.Module,
        projection: nn.Module,
        language_model: PreTrainedModel,
        codec: TextCodec,
    ) -> None:
        super().__init__(
            spec=spec,
            preprocessing=preprocessing,
            image_encoder=image_encoder,
            language_model=language_model,
            codec=codec,
        )
        self.projection = projection
        self.set_trained(("projection",))
        self.eval()

    def part_of(self, name: str) -> str:
        """The additions lie among the language model's own parameters."""
        return "lora" if ".lora_" in name else super().part_of(name)

    def set_trained(self, parts: Iterable[str]) -> None:
        """As `Assembly.set_trained`; the additions are put into the language model when they are first named.

        Raises:
            UnknownNameError: no such part.
            MissingExtraError: `lora` needs peft.
        """
        chosen = tuple(parts)
        if "lora" in chosen and not any(self.part_of(name) == "lora" for name, _ in self.named_parameters()):
            self._add_low_rank()
        super().set_trained(chosen)

    def _add_low_rank(self) -> None:
        peft = require("peft", extra="train", purpose="Training the part lora")
        config = peft.LoraConfig(
            r=self.spec.lora_rank,
            lora_alpha=ALPHA_BY_RANK * self.spec.lora_rank,
            lora_dropout=_DROPPED,
            target_modules=list(_MATRICES),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.spec.seed)
            peft.inject_adapter_in_model(config, self.language_model, _ADAPTER)
        self.eval()

    def with_dropout(self) -> Iterable[nn.Module]:
        """The additions alone have any."""
        return [module for name, module in self.named_modules() if name.endswith(".lora_dropout")]

    def look(self, features: Tensor, batch: TextBatch) -> Tensor:
        """Return what the language model gets to see of the images: (B, N, L); no instruction steers it."""
        with self.half_precision():
            projected: Tensor = self.projection(features.to(next(self.projection.parameters()).dtype))
        return projected.to(self.language_model.dtype)


def assemble(spec: ModelSpec) -> Llava:
    """Take the checkpoint apart and put its parts into the assembly.

    Raises:
        InputError: the folder is no such checkpoint, or not a whole one.
    """
    folder = local_folder(spec.folder)
    if model_type(folder) != "llava":
        raise InputError(
            f"not a LLaVA checkpoint but {shorten(model_type(folder)) or 'something unknown'}",
            where=folder,
            remedy=_REMEDY,
        )
    preprocessing = _read_preprocessing(folder)
    dtype = frozen_dtype(spec.frozen_dtype)
    if spec.frozen_dtype == "auto" and not torch.cuda.is_available():
        dtype = torch.float32
    whole = load_llava(folder, dtype)
    config = whole.config
    return Llava(
        spec=replace(spec, frozen_dtype=dtype_name(dtype)),
        preprocessing=preprocessing,
        image_encoder=PatchTokens(
            whole.model.vision_tower, config.vision_feature_layer, config.vision_feature_select_strategy
        ),
        projection=whole.model.multi_modal_projector,
        language_model=_causal(whole),
        codec=read_llava_codec(folder, config),
    )


def load_llava(folder: Path, dtype: torch.dtype | str) -> Any:
    """Return transformers' model, checked to be complete; the projector is float32.

    Raises:
        InputError: the weights cannot be loaded, or some are missing.
    """
    from transformers import LlavaForConditionalGeneration

    return load_complete(
        LlavaForConditionalGeneration, folder, dtype, float32={"multi_modal_projector"}, remedy=_REMEDY
    )


def _causal(whole: Any) -> PreTrainedModel:
    """Return the language model with its output layer: the checkpoint keeps the two apart."""
    from transformers import AutoModelForCausalLM

    automatic: Any = AutoModelForCausalLM
    with torch.device("meta"):
        causal = automatic.from_config(whole.config.text_config)
    causal.model, causal.lm_head = whole.model.language_model, whole.lm_head
    language_model: PreTrainedModel = causal.eval()
    return language_model


def _read_preprocessing(folder: Path) -> Preprocessing:
    """Return how the checkpoint wants its images.

    Raises:
        InputError: it does not say it, or wants no squares.
    """
    file, config = image_settings(folder, _REMEDY)
    try:
        crop = config.get("crop_size") or config["size"]
        height, width = (crop, crop) if isinstance(crop, int) else (crop["height"], crop["width"])
        if height != width:
            raise ValueError(f"images must be square, got {height} x {width}")
        mean, std = (tuple(map(float, config[name])) for name in ("image_mean", "image_std"))
        return Preprocessing(height, mean, std, middle=bool(config.get("do_center_crop", True)))  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"cannot be used: {shorten(error)}", where=file, remedy=_REMEDY) from error


def low_rank_sum(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what the additions come to: name of a matrix of the language model → what is added to it.

    Args:
        tensors: The trained tensors of a `Llava`, by their names.
    """
    added = {}
    for name, down in tensors.items():
        head, mark, tail = name.partition(f".lora_A.{_ADAPTER}.")
        if mark:
            up = tensors[f"{head}.lora_B.{_ADAPTER}.{tail}"]
            # Alpha over the rank: both are in the shapes, since one is a fixed multiple of the other.
            added[f"{head}.{tail}"] = ALPHA_BY_RANK * up.float() @ down.float()
    return added


# LLaVA's recipe for tuning on a task: one epoch, 2e-4 for the additions and 2e-5 for the projector; one rate for both.
KIND: Final = ModelKind(
    assemble,
    TuningDefaults(
        epochs=1, batch_size=16, lr=1e-4, weight_decay=0.0, warmup=0.03, parts=("projection", "lora")
    ),
    Llava.trainable,
)
