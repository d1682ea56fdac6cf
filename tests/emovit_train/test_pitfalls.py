"""What others' code gets wrong without a word: each naive version is written out here, and shown to come out different.

docs/pitfalls.md lists them all, with the numbers that are measured here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.training.packing import packed_losses
from emovit_train.instructblip import read_codec
from emovit_train.language import language_side
from emovit_train.model import EmoVIT
from emovit_train.models import MODELS, ModelSpec
from emovit_train.optimizer import adamw
from emovit_train.ranks import Ranks
from emovit_train.text import TextBatch, collate
from tests.emovit_train.conftest import (
    assemble_tiny,
    llama_config,
    lm_tokenizer,
    qformer_tokenizer,
    t5_config,
)
from tests.emovit_train.one_step import examples_of, pixels_of, step_gradients
from tests.emovit_train.processes import QUESTIONS, pixels
from tests.emovit_train.reference import reference_inputs, reference_model, reference_step

GUIDE = Path(__file__).parents[2] / "docs" / "pitfalls.md"


def rows_of(model: EmoVIT, rows: Sequence[tuple[str, str]] = QUESTIONS) -> tuple[Tensor, TextBatch]:
    """Return the features and the batch of some rows."""
    batch = collate([model.codec.encode(*row) for row in rows], model.codec)
    return model.encode_images(pixels(len(rows)).to(model.encoder_dtype)), batch


def mean_loss(model: EmoVIT) -> float:
    return float(model(*rows_of(model)).detach().mean())


def moved_share(model: EmoVIT, lr: float = 1e-5, steps: int = 20) -> float:
    """Return the share of the Q-Former's weights with a gradient that some steps of AdamW change."""
    weights = dict(model.qformer.named_parameters())
    before = {name: each.detach().clone() for name, each in weights.items()}
    optimizer = adamw(model.trained_tensors().values(), lr, 0.0)
    features, batch = rows_of(model)
    learnt: dict[str, Tensor] = {}
    for _ in range(steps):
        optimizer.zero_grad()
        model(features, batch).mean().backward()
        learnt = {name: each.grad != 0 for name, each in weights.items() if each.grad is not None}
        optimizer.step()
    moved = sum(int((weights[name] != before[name])[where].sum()) for name, where in learnt.items())
    return moved / sum(int(where.sum()) for where in learnt.values())


def test_qformer_in_bfloat16_stands_still(tiny_folder: Path) -> None:
    """Twenty steps of 1e-5 reach nearly every weight in float32, hardly any where the weights are bfloat16."""
    told = ModelSpec("instructblip", str(tiny_folder), frozen_dtype="bfloat16")
    ours = MODELS.get("instructblip").assemble(told)
    naive = MODELS.get("instructblip").assemble(told).bfloat16()
    shares = moved_share(naive), moved_share(ours)
    assert shares[0] < 0.1
    assert shares[1] > 0.99


def test_vicunas_tokenizer_begins_with_the_wrong_token(tiny_folder: Path, tmp_path: Path) -> None:
    """LLaMA's tokenizer puts `<s>` before the prompt, even where it was told `</s>`: another loss than Vicuna's."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaTokenizer

    names = ["<unk>", "<s>", "</s>", "▁", *"What?"]
    LlamaTokenizer(
        {name: number for number, name in enumerate(names)}, [], add_bos_token=True
    ).save_pretrained(tmp_path)
    qformer_tokenizer().save_pretrained(tmp_path / "qformer_tokenizer")
    naive = AutoTokenizer.from_pretrained(tmp_path, bos_token="</s>")
    ours = read_codec(tmp_path, LlamaConfig(vocab_size=len(names), pad_token_id=0), encoder_decoder=False)
    assert naive("What?")["input_ids"][:2] == [names.index("<s>"), names.index("▁")]
    assert ours.encode_question("What?").prompt[:2] == (names.index("</s>"), names.index("▁"))

    model = assemble_tiny(tiny_folder)
    right = mean_loss(model)
    model.codec = replace(
        model.codec, prompt_start=(AutoTokenizer.from_pretrained(tiny_folder).bos_token_id,)
    )
    assert abs(mean_loss(model) - right) > 0.01


def test_processor_shows_the_answer_to_the_qformer(tiny_folder: Path) -> None:
    """transformers' processor hands one text to both readers: the Q-Former reads the answer; ours never does.

    It also pads the Q-Former's side as the language model's is padded: on the left, other positions for each word.
    """
    from transformers import AutoTokenizer, BlipImageProcessorPil, InstructBlipProcessor

    model = assemble_tiny(tiny_folder)
    codec = model.codec
    words = AutoTokenizer.from_pretrained(tiny_folder, bos_token="</s>", padding_side="left")
    naive = InstructBlipProcessor(BlipImageProcessorPil(), words, codec.qformer_tokenizer, num_query_tokens=4)
    texts = [" ".join(row) for row in QUESTIONS]
    read = naive(text=texts, padding=True, return_tensors="pt")
    said = [codec.qformer_tokenizer.decode(each) for each in read["qformer_input_ids"]]
    assert all(
        answer.split()[-1].strip(".") in text for text, (_, answer) in zip(said, QUESTIONS, strict=True)
    )
    ours = [codec.encode(*row).instruction for row in QUESTIONS]
    assert ours == [codec.encode_question(question).instruction for question, _ in QUESTIONS]
    assert read["qformer_attention_mask"][0].tolist() == sorted(read["qformer_attention_mask"][0].tolist())

    features, batch = rows_of(model)
    order = batch.instruction_mask.argsort(dim=1, stable=True)
    left = replace(
        batch,
        instruction_ids=batch.instruction_ids.gather(1, order),
        instruction_mask=batch.instruction_mask.gather(1, order),
    )
    right_loss, left_loss = (float(model(features, each).detach().mean()) for each in (batch, left))
    assert abs(left_loss - right_loss) > 1e-3


def test_padding_after_the_image_changes_the_loss(tiny_model: EmoVIT) -> None:
    """`[image][pad][text]` is another loss, unless each token's position is given; padded on the right it is exact."""
    features, batch = rows_of(tiny_model)
    language: Any = tiny_model.language_model
    seen = tiny_model.look(features, batch)
    gap = batch.row_mask.argsort(dim=1, stable=True)
    ids, mask, marked = (each.gather(1, gap) for each in (batch.row_ids, batch.row_mask, batch.is_answer))
    words = torch.cat([seen, language.get_input_embeddings()(ids)], 1)
    looked_at = torch.cat([mask.new_ones(seen.shape[:2]), mask], 1)

    def loss(**positions: Tensor) -> float:
        logits = language(inputs_embeds=words, attention_mask=looked_at, **positions).logits
        return float(F.cross_entropy(logits[:, seen.shape[1] - 1 : -1][marked], ids[marked]).detach())

    right = mean_loss(tiny_model)
    assert abs(loss() - right) > 1e-3
    assert loss(position_ids=(looked_at.cumsum(1) - 1).clamp_min(0)) == pytest.approx(right, abs=1e-5)


def t5_of_config(**told: Any) -> Any:
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    config = {**t5_config(lm_tokenizer()), **told}
    del config["model_type"]
    return T5ForConditionalGeneration(T5Config(**config))


def test_t5_made_of_its_configuration_ties_its_embeddings(tiny_t5_folder: Path) -> None:
    """Weights of FlanT5 read into such a model lose their output layer; from the folder, the two stay two."""
    ours = assemble_tiny(tiny_t5_folder).language_model
    naive = t5_of_config()
    naive.load_state_dict(ours.state_dict())
    assert naive.lm_head.weight is naive.shared.weight
    kept = [
        torch.equal(getattr(naive, part).weight, getattr(ours, part).weight) for part in ("shared", "lm_head")
    ]
    assert kept.count(False) == 1
    assert not torch.equal(ours.lm_head.weight, ours.shared.weight)
    reference = reference_model(tiny_t5_folder).language_model
    assert torch.equal(ours.lm_head.weight, reference.lm_head.weight)
    assert not ours.config.scale_decoder_outputs


def test_t5_loss_in_bfloat16_is_coarse(tiny_t5_folder: Path) -> None:
    """A loss of bfloat16 logits is off in its third digit; ours turns them into float32 before the sum."""
    model = MODELS.get("instructblip").assemble(
        ModelSpec("instructblip", str(tiny_t5_folder), frozen_dtype="bfloat16")
    )
    features, batch = rows_of(model)
    losses = model(features, batch)
    assert losses.dtype == torch.float32
    marked = batch.answer_mask.bool()
    embeddings, mask = model.language.read(model.look(features, batch), batch)  # type: ignore[attr-defined]
    encoded = model.language_model.encoder(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
    hidden = model.language._decode(encoded, mask, batch.answer_ids)[marked]  # type: ignore[attr-defined]
    logits = model.language_model.lm_head(hidden)
    naive = F.cross_entropy(logits, batch.answer_ids[marked], reduction="none")
    assert naive.dtype == torch.bfloat16
    exact = F.cross_entropy(logits.double(), batch.answer_ids[marked], reduction="none")
    assert (losses - exact).abs().max() < 1e-5
    assert (naive - exact).abs().max() > 1e-3


def test_t5_in_training_mode_drops_out(tiny_t5_folder: Path) -> None:
    """`train()` of a whole model wakes the frozen T5's dropout; ours leaves it asleep, and gives one loss twice."""
    model = assemble_tiny(tiny_t5_folder).train()
    assert mean_loss(model) == mean_loss(model)
    torch.nn.Module.train(model)
    model.language_model.train()
    losses = [mean_loss(model) for _ in range(2)]
    assert abs(losses[0] - losses[1]) > 0.01


def test_packed_rows_need_positions_and_a_mask_of_their_own(tiny_model: EmoVIT) -> None:
    """Rows one behind the other see each other, and count on, unless they are told not to; then they are exact."""
    features, batch = rows_of(tiny_model)
    seen = tiny_model.look(features, batch)
    language: Any = tiny_model.language_model
    mask = torch.cat([batch.row_mask.new_ones(seen.shape[:2]), batch.row_mask], 1).bool()
    words = torch.cat([seen, language.get_input_embeddings()(batch.row_ids)], 1)[mask][None]
    lengths = mask.sum(1).tolist()
    answers = torch.cat([batch.is_answer.new_zeros(seen.shape[:2]), batch.is_answer], 1)
    predicting = torch.cat([answers[:, 1:], answers.new_zeros(len(answers), 1)], 1)[mask]
    restarted = torch.cat([torch.arange(length) for length in lengths])[None]
    blocks = torch.block_diag(*(torch.ones(length, length).tril() for length in lengths)).bool()

    def losses(**told: Any) -> Tensor:
        hidden = language.get_decoder()(inputs_embeds=words, use_cache=False, **told).last_hidden_state
        logits = language.get_output_embeddings()(hidden[0, predicting])
        return F.cross_entropy(logits, batch.row_ids[batch.is_answer], reduction="none")

    right = tiny_model(features, batch)
    triangle = torch.ones_like(blocks).tril()
    as_bias = [torch.zeros(each.shape).masked_fill(~each, -1e9)[None, None] for each in (triangle, blocks)]
    assert (losses() - right).abs().max() > 0.1
    assert (losses(position_ids=restarted, attention_mask=as_bias[0]) - right).abs().max() > 0.1
    exact = losses(position_ids=restarted, attention_mask=as_bias[1])
    torch.testing.assert_close(exact, right, atol=1e-5, rtol=0)
    torch.testing.assert_close(packed_losses(tiny_model, seen, batch), right, atol=1e-5, rtol=0)


def test_queries_of_zeros_are_one_query(tiny_folder: Path) -> None:
    """transformers starts all queries at zero: all see the same, and a LayerNorm of nothing makes gradients explode."""
    from transformers import InstructBlipConfig, InstructBlipForConditionalGeneration

    fresh = InstructBlipForConditionalGeneration(InstructBlipConfig.from_pretrained(tiny_folder))
    assert not fresh.query_tokens.any()
    model = assemble_tiny(tiny_folder)
    features, batch = rows_of(model)

    def spread_and_gradient() -> tuple[float, float]:
        model.zero_grad()
        model(features, batch).mean().backward()
        seen = model.look(features, batch).detach()
        assert model.query_tokens.grad is not None
        return float((seen - seen[:, :1]).abs().max()), float(model.query_tokens.grad.norm())

    spread, gradient = spread_and_gradient()
    model.query_tokens.data.zero_()
    no_spread, exploded = spread_and_gradient()
    assert no_spread < 1e-5 < spread
    assert exploded > 1e4 * gradient


def test_image_token_is_what_the_configuration_says(tiny_folder: Path) -> None:
    """Under another number than the model's, transformers shows no image at all, without a word; ours needs none."""
    from transformers import AutoTokenizer

    theirs = reference_model(tiny_folder)
    theirs.config.image_token_id = 0
    model = assemble_tiny(tiny_folder)
    inputs = reference_inputs(theirs, pixels(len(QUESTIONS)), rows_of(model)[1])
    assert theirs(**inputs).loss.item() == pytest.approx(mean_loss(model), abs=1e-5)
    placeholder = AutoTokenizer.from_pretrained(tiny_folder).convert_tokens_to_ids("<image>")
    inputs["input_ids"][inputs["input_ids"] == 0] = placeholder
    blind = theirs(**inputs).loss.item()
    assert abs(blind - mean_loss(model)) > 0.01
    assert theirs(**{**inputs, "pixel_values": inputs["pixel_values"] + 1}).loss.item() == blind


def test_padding_token_beyond_the_vocabulary(tiny_folder: Path, tmp_path: Path) -> None:
    """A `[PAD]` that is added to the tokenizer alone has no embedding; ours is the language model's own."""
    from transformers import AutoTokenizer

    model = assemble_tiny(tiny_folder)
    naive = AutoTokenizer.from_pretrained(tiny_folder)
    naive.add_special_tokens({"pad_token": "<fill>"})
    embed = model.language_model.get_input_embeddings()
    with pytest.raises(IndexError):
        embed(torch.tensor(naive.pad_token_id))
    naive.save_pretrained(tmp_path)
    qformer_tokenizer().save_pretrained(tmp_path / "qformer_tokenizer")
    ours = read_codec(tmp_path, model.language_model.config, encoder_decoder=False)
    assert ours.pad_id == model.language_model.config.pad_token_id
    assert embed(torch.tensor(ours.pad_id)).isfinite().all()


def with_weights_of(model: EmoVIT, spread: float) -> EmoVIT:
    """Return the model with a new language model, whose weights have this spread."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = {**llama_config(model.codec.lm_tokenizer), "initializer_range": spread}
    del config["model_type"]
    model.language_model = LlamaForCausalLM(LlamaConfig(**config)).requires_grad_(False).eval()
    model.language = language_side(model.language_model, model.codec)
    return model


def loss_taken_off(model: EmoVIT) -> float:
    """Return by how much the loss falls as the Q-Former learns what to show the language model."""
    optimizer = adamw(model.trained_tensors().values(), 3e-3, 0.0)
    features, batch = rows_of(model)
    losses = []
    for _ in range(25):
        loss = model(features, batch).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses[0] - losses[-1]


def test_language_model_of_small_weights_cannot_be_steered(tiny_folder: Path) -> None:
    """With weights of 0.02, as transformers starts them, a tiny model's loss hardly moves; that of the tests falls."""
    naive = with_weights_of(assemble_tiny(tiny_folder), 0.02)
    assert loss_taken_off(naive) < 0.2
    assert loss_taken_off(assemble_tiny(tiny_folder)) > 1


def test_accumulated_losses_of_t5_add_up(tiny_t5_folder: Path, run_folder: Path) -> None:
    """The Trainer's token count, which T5 takes and leaves unused, sums the means of all parts; ours is one mean."""
    theirs, model = reference_model(tiny_t5_folder), assemble_tiny(tiny_t5_folder)
    examples = examples_of(model, run_folder)
    texts, seen = [each.text for each in examples], pixels_of(model, examples)
    loss, gradients = reference_step(tiny_t5_folder, seen, collate(texts, model.codec))
    count = sum(len(text.answer) for text in texts)
    naive = 0.0
    for number, text in enumerate(texts):
        inputs = reference_inputs(theirs, seen[number : number + 1], collate([text], model.codec))
        # So the Trainer does where a model's forward takes any keyword: no division by the number of parts.
        naive += theirs(**inputs, num_items_in_batch=torch.tensor(count)).loss.item()
    assert naive > 4 * loss
    alone = Ranks(0, 1, torch.device("cpu"))
    lanes = [[number] for number in range(len(texts))]
    ours = step_gradients(tiny_t5_folder, run_folder, alone, lanes=lanes, loss_norm="token")
    assert ours["loss"] == pytest.approx(loss, abs=1e-5)
    name = "projection.weight"
    torch.testing.assert_close(ours["gradients"][name], gradients[name], atol=1e-5, rtol=1e-5)


def test_tests_compute_in_one_thread() -> None:
    """Neither this process nor those that it starts share a tiny model between threads."""
    assert torch.get_num_threads() == 1
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_the_guide_names_tests_that_are_there() -> None:
    """Each of the eleven rows of docs/pitfalls.md names tests by file and function, and all of them exist."""
    rows = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 12))
    for row in rows:
        named = re.findall(r"`(?:(test_\w+\.py)::)?(test_\w+)`", row)
        assert named, row
        for file, test in named:
            source = (Path(__file__).parent / (file or Path(__file__).name)).read_text(encoding="utf-8")
            assert f"def {test}(" in source, test
