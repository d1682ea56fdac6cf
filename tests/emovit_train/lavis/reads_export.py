"""Runs in LAVIS' environment: reads a VQA list with LAVIS' own builder, data sets and processors, and prints what came.

python -P reads_export.py FOLDER_OF_INSIDE ANNOTATIONS IMAGES ANSWER_LIST
"""

from __future__ import annotations

import json
import sys

sys.path.append(sys.argv[1])
import inside  # noqa: F401 - declares what torchvision lacks, and registers LAVIS' builders
from lavis.common.registry import registry
from omegaconf import OmegaConf
from torch.utils.data import DataLoader

annotations, images, answers = sys.argv[2:]
eyes = {"name": "blip_image_eval", "image_size": 28}
words = {"name": "blip_question"}
config = {
    "data_type": "images",
    "vis_processor": {"train": eyes, "eval": eyes},
    "text_processor": {"train": words, "eval": words},
    "build_info": {
        "annotations": {
            "train": {"url": [annotations], "storage": [annotations]},
            "val": {"url": [annotations, answers], "storage": [annotations, answers]},
        },
        "images": {"storage": images},
    },
}
sets = registry.get_builder_class("coco_vqa")(OmegaConf.create(config)).build_datasets()
found = {}
for split, each in sets.items():
    batches = list(DataLoader(each, batch_size=2, collate_fn=each.collater))
    found[split] = {
        "class": type(each).__name__,
        "rows": len(each),
        "images": [list(batch["image"].shape) for batch in batches],
        "questions": [text for batch in batches for text in batch["text_input"]],
        "answers": [text for batch in batches for text in batch.get("answer", [])],
        "ids": [int(number) for batch in batches for number in batch.get("question_id", [])],
    }
found["val"]["answer_list"] = sets["val"].answer_list
print(json.dumps(found))
