"""A small random InstructBLIP checkpoint, photographs and samples: real code paths without real weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from emogen.protocol import categorical_answer, categorical_question
from emovit_train.model import EmoVIT
from emovit_train.models import MODELS, ModelSpec
from emovit_train.settings import TrainSettings

# Two threads on two shared cores wait for each other more than they compute.
torch.set_num_threads(1)

LABELS = ["amusement", "awe", "fear", "sadness"]
QUERIES = 4
TEXTS = [
    categorical_question(LABELS),
    *(categorical_answer(label) for label in LABELS),
    "What is in the image? It is red, green, blue or white.",
]
COLOURS = {"red": "fear", "green": "amusement", "blue": "sadness", "white": "awe"}


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An InstructBLIP checkpoint of the Vicuna kind as the Hub lays it out, with random weights."""
    folder = tmp_path_factory.mktemp("instructblip-tiny")
    save_tiny_checkpoint(folder, seed=0)
    return folder


def save_tiny_checkpoint(folder: Path, seed: int) -> None:
    from transformers import InstructBlipConfig, InstructBlipForConditionalGeneration

    words, instruction = lm_tokenizer(), qformer_tokenizer()
    words.save_pretrained(folder)
    instruction.save_pretrained(folder / "qformer_tokenizer")
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    text = {"model_type": "llama", "vocab_size": len(words), "pad_token_id": words.pad_token_id}
    config = InstructBlipConfig(
        # The defaults of transformers start these nearly at zero: nothing of the image would come through.
        vision_config={**vision, "image_size": 28, "patch_size": 14, "initializer_range": 0.2},
        qformer_config={**small, **no_dropout, "vocab_size": len(instruction), "initializer_range": 0.15},
        text_config={**small, **text, "eos_token_id": words.eos_token_id, "initializer_range": 0.15},
        num_query_tokens=QUERIES,
        image_token_index=words.convert_tokens_to_ids("<image>"),
        initializer_range=0.15,
    )
    torch.manual_seed(seed)
    model = InstructBlipForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens, std=0.5)
    model.save_pretrained(folder)
    preprocessor = {"size": {"height": 28, "width": 28}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))


def lm_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "[PAD]", "<image>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="[PAD]"
    )


def qformer_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    backend = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.train_from_iterator(
        TEXTS, trainers.WordLevelTrainer(special_tokens=list(names.values()), show_progress=False)
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names)


@pytest.fixture
def tiny_model(tiny_folder: Path) -> EmoVIT:
    return MODELS.get("instructblip").assemble(ModelSpec("instructblip", str(tiny_folder)))


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run: four photographs of one colour each, the white one held out."""
    folder = tmp_path_factory.mktemp("run")
    photos = folder / "photos"
    photos.mkdir()
    for colour in COLOURS:
        Image.new("RGB", (40, 30), colour).save(photos / f"{colour}.png")
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sample_rows()))
    (folder / "records.jsonl").write_text("".join(json.dumps(record(colour)) + "\n" for colour in COLOURS))
    (folder / "run.json").write_text(json.dumps({"image_root": "photos"}))
    return folder


def record(colour: str) -> dict[str, Any]:
    split = "test" if colour == "white" else "train"
    return {
        "id": colour,
        "image": f"{colour}.png",
        "emotion": COLOURS[colour],
        "labels": LABELS,
        "split": split,
    }


def sample_rows() -> list[dict[str, Any]]:
    origin = {"backend": "none", "model": "", "prompt_sha256": "", "template_sha256": ""}
    rows = []
    for colour, emotion in COLOURS.items():
        choice = {
            "kind": "categorical",
            "question": categorical_question(LABELS),
            "answer": categorical_answer(emotion),
        }
        talk = {"kind": "basic", "question": "What is in the image?", "answer": f"It is {colour}."}
        for name, turn in (("categorical", choice), ("conversation", talk)):
            rows.append(
                {"record": record(colour), "instruction": name, "turns": [turn], "provenance": origin}
            )
    return rows


@pytest.fixture
def settings(tiny_folder: Path) -> TrainSettings:
    return TrainSettings(model=str(tiny_folder), epochs=12, batch_size=3, lr=3e-3, weight_decay=0.0)


@pytest.fixture(scope="session")
def tuned_folder(tiny_folder: Path, run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model tuned on the run, loss fallen, with its report."""
    from emovit_train.train import train

    folder = tmp_path_factory.mktemp("tuned")
    told = TrainSettings(model=str(tiny_folder), epochs=120, batch_size=3, lr=5e-3, weight_decay=0.0)
    train(run_folder, folder, told)
    return folder
