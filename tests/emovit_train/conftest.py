"""A small random InstructBLIP checkpoint, photographs and samples: real code paths without real weights."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from emogen.protocol import categorical_answer, categorical_question
from emovit_train.model import TRAINABLE_PARTS, EmoVIT
from emovit_train.models import MODELS, ModelSpec
from emovit_train.settings import TrainSettings
from tests.made_once import made_once

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
    return made_once(
        tmp_path_factory, "instructblip-tiny", lambda folder: save_tiny_checkpoint(folder, seed=0)
    )


@pytest.fixture(scope="session")
def tiny_t5_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of the FlanT5 kind: output layer and embeddings are two tensors, dropout is not 0."""
    return made_once(
        tmp_path_factory, "instructblip-tiny-t5", lambda folder: save_tiny_checkpoint(folder, seed=0, t5=True)
    )


@pytest.fixture(params=["vicuna", "flan-t5"])
def either_folder(request: pytest.FixtureRequest, tiny_folder: Path, tiny_t5_folder: Path) -> Path:
    return tiny_folder if request.param == "vicuna" else tiny_t5_folder


def save_tiny_checkpoint(folder: Path, seed: int, *, t5: bool = False, words: Any = None) -> None:
    from transformers import InstructBlipConfig, InstructBlipForConditionalGeneration

    words, instruction = words or lm_tokenizer(), qformer_tokenizer()
    words.save_pretrained(folder)
    instruction.save_pretrained(folder / "qformer_tokenizer")
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = InstructBlipConfig(
        # The defaults of transformers start these nearly at zero: nothing of the image would come through.
        vision_config={**vision, "image_size": 28, "patch_size": 14, "initializer_range": 0.2},
        qformer_config={**small, **no_dropout, "vocab_size": len(instruction), "initializer_range": 0.15},
        text_config=t5_config(words) if t5 else llama_config(words),
        num_query_tokens=QUERIES,
        image_token_index=words.convert_tokens_to_ids("<image>"),
        initializer_range=0.15,
    )
    torch.manual_seed(seed)
    model = InstructBlipForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens, std=0.5)
    if t5:
        # A model made from its configuration has them tied, and FlanT5's are not.
        output = model.language_model.lm_head
        output.weight = torch.nn.Parameter(torch.randn_like(output.weight) * 0.3)
    model.save_pretrained(folder)
    preprocessor = {"size": {"height": 28, "width": 28}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))


def llama_config(words: Any) -> dict[str, Any]:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    tokens = {"pad_token_id": words.pad_token_id, "eos_token_id": words.eos_token_id}
    return {
        "model_type": "llama",
        **sizes,
        **tokens,
        "vocab_size": len(words),
        # From the defaults, a language model so small cannot be steered by what stands before the prompt.
        "initializer_range": 0.15,
    }


def t5_config(words: Any) -> dict[str, Any]:
    sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    tokens = {"pad_token_id": words.pad_token_id, "eos_token_id": words.eos_token_id}
    return {
        "model_type": "t5",
        **sizes,
        **tokens,
        "vocab_size": len(words),
        "decoder_start_token_id": words.pad_token_id,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
        "dropout_rate": 0.1,
    }


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


def assemble_tiny(folder: Path) -> EmoVIT:
    return MODELS.get("instructblip").assemble(ModelSpec("instructblip", str(folder)))


# Each test gets a copy, which takes a fifth of the time of reading the model anew.
read_once = functools.cache(assemble_tiny)


@pytest.fixture
def tiny_model(tiny_folder: Path) -> EmoVIT:
    return copy.deepcopy(read_once(tiny_folder))


@pytest.fixture
def either_model(either_folder: Path) -> EmoVIT:
    return copy.deepcopy(read_once(either_folder))


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run: four photographs of one colour each, the white one held out."""
    return made_once(tmp_path_factory, "run", write_run_folder)


def write_run_folder(folder: Path) -> None:
    photos = folder / "photos"
    photos.mkdir()
    for colour in COLOURS:
        Image.new("RGB", (40, 30), colour).save(photos / f"{colour}.png")
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sample_rows()))
    (folder / "records.jsonl").write_text("".join(json.dumps(record(colour)) + "\n" for colour in COLOURS))
    (folder / "run.json").write_text(json.dumps({"image_root": "photos"}))


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
    return tiny_settings(tiny_folder, epochs=12, lr=3e-3)


def tiny_settings(folder: Path, **told: Any) -> TrainSettings:
    defaults = {"epochs": 2, "batch_size": 3, "lr": 1e-3, "weight_decay": 0.0, "parts": TRAINABLE_PARTS}
    return TrainSettings.model_validate({**defaults, "model": str(folder), **told})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs without sample answers and loss curve, which take longer than a few steps of a tiny model do."""
    monkeypatch.setattr("emovit_train.run.generate", lambda _model, _seen, questions: [""] * len(questions))
    monkeypatch.setattr("emovit_train.train.draw_curve", lambda *_: None)


@pytest.fixture(scope="session")
def tuned_folder(tiny_folder: Path, run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model tuned on the run, loss fallen, with its report."""
    from emovit_train.train import train

    settings = tiny_settings(tiny_folder, epochs=120, lr=5e-3)
    return made_once(tmp_path_factory, "tuned", lambda folder: train(run_folder, folder, settings))
