"""Runs in an environment of its own, without emogen: what TRL's SFTTrainer makes of our `messages` rows.

It trains for a step, in the folder that the images' paths start from. Prints a JSON object: what is seen of each row
in the batch, and the step's loss.
"""

import json
import sys

import datasets
import torch
from tiny_llava import model, processor, seen
from trl import SFTConfig, SFTTrainer

TEMPLATE = (
    "{% for message in messages %}[{{ message['role'] }}]"
    "{% if message['role'] == 'assistant' %}{% generation %}"
    "{% for part in message['content'] %}{{ part['text'] }}{% endfor %}</s>{% endgeneration %}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{% endfor %}"
)


def main(file, out):
    torch.manual_seed(0)
    rows = datasets.load_dataset("json", data_files=file, split="train")
    rows = rows.cast_column("images", datasets.List(datasets.Image()))
    judge = processor(TEMPLATE)
    config = SFTConfig(
        output_dir=out,
        max_steps=1,
        per_device_train_batch_size=len(rows),
        assistant_only_loss=True,
        max_length=None,
        bf16=False,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
    )
    trainer = SFTTrainer(model(), config, train_dataset=rows, processing_class=judge)
    batch = trainer.data_collator([trainer.train_dataset[number] for number in range(len(rows))])
    found = [seen(batch, row, judge.tokenizer) for row in range(len(rows))]
    print(json.dumps({"rows": found, "loss": trainer.train().training_loss}))


main(*sys.argv[1:])
