"""LAVIS 1.0.2's own Q-Former, from its own file, beside a transformers that is years younger.

`make` installs the package without its dependencies into a folder that is not on the path: its top-level packages
`tests`, `docs`, `app` and `projects` would shadow others, and `lavis/__init__` imports all that the package needs.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emovit_train.lavis.names import to_lavis
from emovit_train.model import EmoVIT

FOLDER = "salesforce_lavis_apart"
FILE = Path("lavis", "models", "blip2_models", "Qformer.py")


def package_folder() -> Path:
    found = [Path(entry, FOLDER) for entry in sys.path if Path(entry, FOLDER, FILE).is_file()]
    assert found, "salesforce-lavis is not installed apart: run make, or the line that docs/lavis.md names"
    return found[0]


def module() -> Any:
    """Load the file with the names that it imports and that transformers has moved or dropped since."""
    from transformers import modeling_utils, pytorch_utils

    moved = {
        "apply_chunking_to_forward": pytorch_utils.apply_chunking_to_forward,
        "prune_linear_layer": pytorch_utils.prune_linear_layer,
        "find_pruneable_heads_and_indices": None,  # heads are never pruned here
    }
    spec = importlib.util.spec_from_file_location("lavis_qformer", package_folder() / FILE)
    assert spec is not None
    assert spec.loader is not None
    loaded: Any = importlib.util.module_from_spec(spec)
    before = dict(vars(modeling_utils))
    vars(modeling_utils).update(moved)
    try:
        spec.loader.exec_module(loaded)
    finally:
        for name in moved.keys() - before.keys():
            delattr(modeling_utils, name)
    base = loaded.BertPreTrainedModel
    base.all_tied_weights_keys = {}
    base.get_head_mask = lambda self, mask, layers: [None] * layers
    base.invert_attention_mask = lambda self, mask: (
        (1.0 - mask[:, None, None, :]) * torch.finfo(torch.float32).min
    )
    return loaded


def lavis_qformer(model: EmoVIT) -> nn.Module:
    """LAVIS' `BertModel` of the assembly's sizes, with the assembly's weights; every key must fit."""
    from transformers import BertConfig

    ours: Any = model.qformer.config
    config: Any = BertConfig(
        vocab_size=ours.vocab_size,
        hidden_size=ours.hidden_size,
        num_hidden_layers=ours.num_hidden_layers,
        num_attention_heads=ours.num_attention_heads,
        intermediate_size=ours.intermediate_size,
        max_position_embeddings=ours.max_position_embeddings,
        layer_norm_eps=ours.layer_norm_eps,
        pad_token_id=ours.pad_token_id,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    config.position_embedding_type = "absolute"
    config.add_cross_attention = True
    config.cross_attention_freq = ours.cross_attention_frequency
    config.encoder_width = ours.encoder_hidden_size
    config.query_length = model.query_tokens.shape[1]
    theirs: nn.Module = module().BertModel(config)
    weights = {
        to_lavis(f"qformer.{name}", "llm").removeprefix("Qformer.bert."): tensor.clone()
        for name, tensor in model.qformer.state_dict().items()
    }
    found = theirs.load_state_dict(weights, strict=False)
    assert found.unexpected_keys == []
    assert found.missing_keys == ["embeddings.position_ids"]
    return theirs.eval()
