"""LAVIS' `.pth` files there and back, and the complete folder of transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from emogen.errors import InputError
from emovit_train.checkpoint import load_checkpoint, save_checkpoint
from emovit_train.cli import app
from emovit_train.lavis.exporting import export_lavis
from emovit_train.lavis.importing import import_lavis
from emovit_train.merging import merge
from emovit_train.model import EmoVIT
from emovit_train.text import collate
from tests.emovit_train.conftest import assemble_tiny
from tests.emovit_train.reference import reference_inputs, reference_model


@pytest.fixture
def checkpoint(either_model: EmoVIT, tmp_path: Path) -> Path:
    """A checkpoint of which no trained tensor is as in the base."""
    torch.manual_seed(5)
    with torch.no_grad():
        for tensor in either_model.trained_tensors().values():
            tensor += torch.randn_like(tensor) * 0.1
    folder = tmp_path / "tuned"
    folder.mkdir()
    save_checkpoint(folder, either_model, [])
    return folder


def saved(file: Path) -> dict[str, Tensor]:
    content: dict[str, dict[str, Tensor]] = torch.load(file, weights_only=True)
    return content["model"]


def spoiled(file: Path, **changes: Any) -> Path:
    """Change, add, or (None) remove tensors of the file, `__` for a dot."""
    state = saved(file)
    for name, tensor in changes.items():
        state.pop(name.replace("__", "."), None)
        if tensor is not None:
            state[name.replace("__", ".")] = tensor
    torch.save({"model": state}, file)
    return file


@pytest.mark.parametrize("whole", [False, True])
def test_there_and_back(checkpoint: Path, either_folder: Path, tmp_path: Path, whole: bool) -> None:
    """Exported to LAVIS' layout and read back, every trained tensor is bit-equal; the frozen ones are compared."""
    file, again = tmp_path / "model.pth", tmp_path / "again"
    export_lavis(checkpoint, file, whole=whole)
    done = import_lavis(file, str(either_folder), again)
    before, after = (load_checkpoint(each).trained_tensors() for each in (checkpoint, again))
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert (done.tensors, done.from_base) == (len(before), ())
    assert (done.frozen > 20) == whole


def test_names_are_those_of_lavis(checkpoint: Path, either_folder: Path, tmp_path: Path) -> None:
    """Names as LAVIS' checkpoints have them, with its table of positions and the row of its additional [DEC]."""
    export_lavis(checkpoint, tmp_path / "model.pth", whole=True)
    state = saved(tmp_path / "model.pth")
    kind = "t5" if "t5" in either_folder.name else "llm"
    assert {name.split(".")[0] for name in state} == {
        "visual_encoder",
        "ln_vision",
        "Qformer",
        "query_tokens",
        f"{kind}_proj",
        f"{kind}_model",
    }
    layer = "Qformer.bert.encoder.layer.0"
    assert {
        f"{layer}.attention.self.query.weight",
        f"{layer}.crossattention.output.LayerNorm.bias",
        f"{layer}.intermediate_query.dense.weight",
        "Qformer.bert.embeddings.LayerNorm.weight",
        "Qformer.bert.embeddings.position_ids",
        "visual_encoder.blocks.0.attn.q_bias",
        "visual_encoder.blocks.0.attn.qkv.weight",
        "visual_encoder.patch_embed.proj.bias",
    } <= state.keys()
    words = assemble_tiny(either_folder).qformer.config.vocab_size
    assert len(state["Qformer.bert.embeddings.word_embeddings.weight"]) == words + 1


def test_lavis_qformer_takes_the_file(checkpoint: Path, tmp_path: Path) -> None:
    """LAVIS' own Q-Former loads its part strictly: no key missing, none left over."""
    from tests.emovit_train.lavis.qformer_oracle import lavis_qformer

    export_lavis(checkpoint, tmp_path / "model.pth")
    theirs = lavis_qformer(load_checkpoint(checkpoint))
    part = {
        name.removeprefix("Qformer.bert."): tensor
        for name, tensor in saved(tmp_path / "model.pth").items()
        if name.startswith("Qformer.")
    }
    table = "embeddings.word_embeddings.weight"
    part[table] = part[table][:-1]
    theirs.load_state_dict(part, strict=True)


def test_only_what_the_file_has_is_taken(checkpoint: Path, either_folder: Path, tmp_path: Path) -> None:
    """Without ln_vision in the file, the base's stays, and the report says so."""
    export_lavis(checkpoint, tmp_path / "model.pth")
    file = spoiled(tmp_path / "model.pth", ln_vision__weight=None, ln_vision__bias=None)
    done = import_lavis(file, str(either_folder), tmp_path / "again")
    assert done.from_base == ("ln_vision",)
    assert "ln_vision.weight" not in load_checkpoint(tmp_path / "again").trained_tensors()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vision_proj__weight": torch.zeros(2)}, "1 of .* have no place in the model: vision_proj.weight"),
        ({"ln_vision__bias": None}, "1 tensors are missing: ln_vision.bias"),
        ({"query_tokens": torch.zeros(1, 9, 32)}, r"query_tokens is \(1, 9, 32\), the model's \(1, 4, 32\)"),
        ({"Qformer__bert__embeddings__word_embeddings__weight": torch.zeros(99, 32)}, "another vocabulary"),
        ({"visual_encoder__cls_token": torch.ones(1, 1, 16)}, "frozen tensors are not those of the model"),
    ],
)
def test_what_does_not_fit_is_named(
    checkpoint: Path, either_folder: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    """Unknown, missing and misshapen tensors are named, and nothing is written."""
    export_lavis(checkpoint, tmp_path / "model.pth")
    with pytest.raises(InputError, match=message):
        import_lavis(spoiled(tmp_path / "model.pth", **changes), str(either_folder), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_other_language_model_is_refused(checkpoint: Path, either_folder: Path, tmp_path: Path) -> None:
    """A file for Vicuna does not go onto FlanT5, nor the other way."""
    export_lavis(checkpoint, tmp_path / "model.pth")
    state = saved(tmp_path / "model.pth")
    other = "llm" if "t5_proj.weight" in state else "t5"
    swapped = {(f"{other}_proj.weight" if n.endswith("_proj.weight") else n): t for n, t in state.items()}
    torch.save({"model": swapped}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="was made for"):
        import_lavis(tmp_path / "other.pth", str(either_folder), tmp_path / "again")


def test_a_pickle_that_runs_code_is_not_opened(tiny_folder: Path, tmp_path: Path) -> None:
    """What is pickled beside tensors never runs."""
    import pickle

    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "bomb.pth").write_bytes(pickle.dumps({"model": Bomb()}, protocol=2))
    with pytest.raises(InputError, match="no checkpoint of tensors"):
        import_lavis(tmp_path / "bomb.pth", str(tiny_folder), tmp_path / "again")
    assert not (tmp_path / "ran").exists()


def test_merged_folder_has_the_same_logits(checkpoint: Path, either_folder: Path, tmp_path: Path) -> None:
    """transformers alone, from the merged folder, gives the tuned loss; it assembles here, too."""
    merge(checkpoint, tmp_path / "whole")
    tuned = load_checkpoint(checkpoint)
    batch = collate([tuned.codec.encode("What is it?", "It is red.")], tuned.codec)
    pixels = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    theirs = reference_model(tmp_path / "whole")
    inputs = reference_inputs(theirs, pixels, batch)
    ours = tuned(tuned.encode_images(pixels), batch).mean().item()
    assert theirs(**inputs).loss.item() == pytest.approx(ours, abs=1e-5)
    assert abs(reference_model(either_folder)(**inputs).loss.item() - ours) > 1e-3
    again = assemble_tiny(tmp_path / "whole")
    for name, tensor in tuned.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_commands(checkpoint: Path, either_folder: Path, tmp_path: Path) -> None:
    """The three commands work one after the other, in their own words; what is there is replaced only when asked to."""

    def call(*words: object) -> str:
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).output

    file = tmp_path / "model.pth"
    assert "tensors to" in call("export-lavis", checkpoint, "--out", file)
    said = call("import-lavis", file, "--model", either_folder, "--out", tmp_path / "again")
    assert "qformer, query_tokens, projection, ln_vision" in said
    assert "position_ids" in said
    told = ("--model", either_folder, "--out", tmp_path / "again", "--overwrite", "--json")
    assert json.loads(call("import-lavis", file, *told))["parts"][0] == "qformer"
    said = call("merge", tmp_path / "again", "--out", tmp_path / "whole")
    # No bar of transformers' is among what is said.
    assert said.startswith("saved the base")
    assert len(said.splitlines()) == 1
    for again in (
        ("export-lavis", checkpoint, "--out", file),
        ("merge", checkpoint, "--out", tmp_path / "whole"),
    ):
        with pytest.raises(InputError, match="there already"):
            call(*again)
