"""What LAVIS is told: the assembly's sizes by LAVIS' names, and the settings of its runner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from emovit_train.lavis.names import to_lavis
from emovit_train.optimizer import Schedule
from emovit_train.settings import TrainSettings

if TYPE_CHECKING:
    from emovit_train.model import EmoVIT

__all__ = ["KEPT_BATCHES", "lavis_job"]

KEPT_BATCHES: Final = 10
_T5_SIZES: Final = (
    "vocab_size",
    "d_model",
    "d_kv",
    "d_ff",
    "num_layers",
    "num_decoder_layers",
    "num_heads",
    "relative_attention_num_buckets",
    "relative_attention_max_distance",
    "dropout_rate",
    "layer_norm_epsilon",
    "feed_forward_proj",
    "dense_act_fn",
    "pad_token_id",
    "eos_token_id",
    "decoder_start_token_id",
)
_QFORMER_SIZES: Final = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "layer_norm_eps",
    "pad_token_id",
)


def lavis_job(
    model: EmoVIT,
    settings: TrainSettings,
    state: Mapping[str, Tensor],
    *,
    steps: int,
    file: Path,
    images: Path,
    work: Path,
) -> dict[str, Any]:
    """Return what `inside.py` reads as `job.json`.

    Args:
        model: The assembly, of the FlanT5 kind.
        settings: Of the run.
        state: Its weights in LAVIS' layout.
        steps: How many LAVIS will do.
        file: The VQA annotations.
        images: The folder that their image paths start from.
        work: Where LAVIS writes.
    """
    codec = model.codec
    return {
        **_sizes(model, state),
        "pads": [codec.instruction_pad_id, codec.pad_id, codec.pad_id],
        "trained": sorted(_prefixes(settings.parts)),
        "run": _run(settings, steps, work),
        "datasets": {"coco_vqa": _data_set(model, file.resolve(), images.resolve())},
        "kept_batches": KEPT_BATCHES,
        "threads": torch.get_num_threads(),
    }


def _sizes(model: EmoVIT, state: Mapping[str, Tensor]) -> dict[str, Any]:
    vision: Any = model.image_encoder.vision_model.config  # type: ignore[union-attr]  # of InstructBLIP
    qformer: Any = model.qformer.config
    t5: Any = model.language_model.config
    return {
        "vision": {
            "img_size": vision.image_size,
            "patch_size": vision.patch_size,
            "embed_dim": vision.hidden_size,
            "depth": vision.num_hidden_layers,
            "num_heads": vision.num_attention_heads,
            # LAVIS multiplies and rounds down.
            "mlp_ratio": (vision.intermediate_size + 0.5) / vision.hidden_size,
            "qkv_bias": bool(vision.qkv_bias),
        },
        "vision_eps": vision.layer_norm_eps,
        "qformer": {
            **{name: getattr(qformer, name) for name in _QFORMER_SIZES},
            "vocab_size": len(state["Qformer.bert.embeddings.word_embeddings.weight"]),
            "add_cross_attention": True,
            "cross_attention_freq": qformer.cross_attention_frequency,
            "encoder_width": qformer.encoder_hidden_size,
            "query_length": model.query_tokens.shape[1],
        },
        "query_tokens": list(model.query_tokens.shape),
        "t5": {
            **{name: getattr(t5, name) for name in _T5_SIZES},
            # Where they are tied, T5 scales before the output layer; transformers 5 keeps the two apart.
            "tie_word_embeddings": t5.scale_decoder_outputs,
        },
    }


def _prefixes(parts: tuple[str, ...]) -> set[str]:
    """Return what LAVIS' names of the trained tensors begin with."""
    dotted = {part: part if part == "query_tokens" else f"{part}." for part in parts}
    return {to_lavis(name, "t5") for name in dotted.values()}


def _run(settings: TrainSettings, steps: int, work: Path) -> dict[str, Any]:
    schedule = Schedule.of(settings, steps)
    gpu = torch.cuda.is_available() if settings.device == "auto" else settings.device == "cuda"
    return {
        "task": "vqa",
        "device": "cuda" if gpu else "cpu",
        "distributed": False,
        "amp": False,
        "evaluate": False,
        "seed": settings.seed,
        "num_workers": 0,
        "batch_size_train": settings.batch_size,
        "batch_size_eval": settings.batch_size,
        "train_splits": ["train"],
        "max_epoch": settings.epochs,
        "init_lr": schedule.peak,
        "min_lr": schedule.floor,
        "warmup_lr": schedule.peak if schedule.start is None else schedule.start,
        "warmup_steps": schedule.rise,
        "weight_decay": settings.weight_decay,
        "lr_sched": "linear_warmup_cosine_lr",
        "output_dir": str(work.resolve()),
    }


def _data_set(model: EmoVIT, file: Path, images: Path) -> dict[str, Any]:
    preprocessing = model.preprocessing
    processor = {
        # The reference's: a random crop of half to all of the image, and a flip.
        "name": "blip2_image_train",
        "image_size": preprocessing.size,
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
    }
    return {
        "data_type": "images",
        "vis_processor": {"train": processor},
        "build_info": {
            "annotations": {"train": {"url": [str(file)], "storage": [str(file)]}},
            "images": {"storage": str(images)},
        },
    }
