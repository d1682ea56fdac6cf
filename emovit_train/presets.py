"""The settings of the two references, by name, and where their sources contradict each other.

`emovit` is what the released code of EmoVIT does with its `FT.yaml`, through the version of LAVIS that it ships:

* Batch 1 on each GPU, so that the loss is a mean over the tokens of one row: `loss_norm: sample`.
* A warm-up of 30,000 steps, which LAVIS ends with the first epoch. One GPU over the paper's 51,200 rows passes it;
  eight GPUs see 6,400 steps an epoch, and the second epoch begins with four times the rate that the first ended with.
* `weight_decay: 0.005`, where InstructBLIP has 0.05 and the file's own comment, too.
* `min_lr: 1e-8`, while four epochs of a cosine by epoch never come near it: the last runs at 15% of the peak.
* `arch: blip2_opt` with `use_grad_checkpoint`, while paper and README name InstructBLIP with Vicuna-7B. The
  architecture is for `--model` to say.
* The paper says that the Q-Former alone is trained; the code trains queries, projection and the last normalisation of
  the image encoder, too: `parts` has all four.
* No clipping of gradients.

`instructblip` is the paper of Dai et al. (2023), appendix: 60,000 steps, 1,000 of warm-up from 1e-8 to 1e-5, a cosine
to 0 over all steps. It has batches of 192, 128 and 64 for language models of 3B, 7B and 11B to 13B: 128 here. Its
evaluation and its data mixture are not part of the preset. LAVIS's own schedule cannot do a cosine by steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["PRESETS"]

_ALL_PARTS: Final = ("qformer", "query_tokens", "projection", "ln_vision")

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "emovit": {
        "epochs": 4,
        "batch_size": 1,
        "loss_norm": "sample",
        "text_norm": "lavis",
        "lr": 1e-5,
        "lr_min": 1e-8,
        "schedule": "lavis_epoch",
        "warmup_steps": 30_000,
        "warmup_lr": 1e-8,
        "weight_decay": 0.005,
        "clip": 0.0,
        "seed": 42,
        "parts": _ALL_PARTS,
    },
    "instructblip": {
        "epochs": None,
        "max_steps": 60_000,
        "batch_size": 128,
        "loss_norm": "token",
        "lr": 1e-5,
        "lr_min": 0.0,
        "schedule": "step",
        "warmup_steps": 1_000,
        "warmup_lr": 1e-8,
        "weight_decay": 0.05,
        "clip": 0.0,
        "parts": _ALL_PARTS,
    },
}
