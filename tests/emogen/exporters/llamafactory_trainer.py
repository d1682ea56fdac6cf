"""Runs in an environment of its own, without emogen: what LLaMA-Factory makes of our `sharegpt` export.

Its own loader finds the lists by `dataset_info.json`. Prints a JSON object: what is seen of each row in the batch of
each split.
"""

import json
import os
import sys
import types
from pathlib import Path

import transformers
from tiny_llava import model, processor, seen


def prepare():
    """LLaMA-Factory imports torchaudio in any case, and nothing here is to be heard."""
    assert not transformers.utils.is_torchaudio_available()
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")
    # It names versions of packages that its loader does not use.
    os.environ["DISABLE_VERSION_CHECK"] = "1"


def batch_of(words):
    from llamafactory.data import (
        MultiModalDataCollatorForSeq2Seq,
        get_dataset,
        get_template_and_fix_tokenizer,
    )
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    model_args, data_args, training_args, _, _ = get_train_args(words)
    loaded = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
    rows = get_dataset(template, model_args, data_args, training_args, stage="sft", **loaded)["train_dataset"]
    collator = MultiModalDataCollatorForSeq2Seq(template=template, **loaded)
    batch = collator([rows[number] for number in range(len(rows))])
    return [seen(batch, row, loaded["tokenizer"]) for row in range(len(rows))]


def main(export, media, work):
    prepare()
    saved = Path(work) / "model"
    model().save_pretrained(saved)
    processor("{{ messages }}").save_pretrained(saved)
    options = {
        "stage": "sft",
        "do_train": True,
        "model_name_or_path": str(saved),
        "template": "llava",
        "dataset_dir": export,
        "media_dir": media,
        "output_dir": str(Path(work) / "out"),
        "cutoff_len": 4096,
        "report_to": "none",
    }
    splits = ("train", "val")
    print(json.dumps({split: batch_of({**options, "dataset": f"emogen_{split}"}) for split in splits}))


main(*sys.argv[1:])
