"""Models by their names on the Hub: what is said and asked before a download, and what is never asked again."""

from __future__ import annotations

import errno
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_stub import UNKNOWN, HubStub
from huggingface_hub import constants
from safetensors.torch import load_file

from emogen.errors import InputError, UnknownNameError
from emovit_train import hub
from emovit_train.checkpoint import load_checkpoint, read_config
from emovit_train.instructblip import assemble
from emovit_train.models import ModelSpec, resolve_model
from emovit_train.told import read_settings
from tests.emovit_train.test_cli import call, error_of

NAME = "me/instructblip-tiny"


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a Hub that is switched off; return the cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def serve(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStub]:
    with HubStub(folder, NAME) as stub:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", stub.url)
        files = stub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        yield stub
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def stub(tiny_folder: Path, offline: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStub]:
    """The Hub with the tiny checkpoint, in both forms of weights."""
    folder = offline.parent / "served"
    shutil.copytree(tiny_folder, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    yield from serve(folder, monkeypatch)


def weights(stub: HubStub) -> list[str]:
    return [name for name in stub.fetched if name.endswith((".safetensors", ".bin"))]


def test_disk_memory_and_hours_are_said_before_anything_is_downloaded(stub: HubStub) -> None:
    """Without a terminal and without --yes, all that comes is the configuration, and a refusal that says how."""
    ran = None
    with pytest.raises(InputError, match="nobody is there to say yes") as caught:
        ran = call("fetch", NAME)
    assert ran is None
    assert "--yes" in str(caught.value.remedy)
    assert weights(stub) == []


def test_what_is_said(stub: HubStub, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sizes are those of the Hub's files; memory and hours are told to be computed. Only safetensors come."""
    folder = hub.obtain(NAME, yes=True)
    said = capsys.readouterr().err
    size = (tiny_folder / "model.safetensors").stat().st_size
    assert float(said.partition("disk ")[2].split()[0]) == pytest.approx(size / 1e6, abs=0.15)
    assert "GB in float32 (0.00 billion weights, computed)" in said
    assert "(computed, not measured)" in said
    assert weights(stub) == ["model.safetensors"]
    assert (folder / "qformer_tokenizer").is_dir()


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_it_asks(stub: HubStub, answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Yes downloads, no downloads nothing and is no crash."""
    import typer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: answer)
    if answer:
        assert hub.obtain(NAME).is_dir()
    else:
        with pytest.raises(InputError, match="nothing was downloaded"):
            hub.obtain(NAME)
    assert bool(weights(stub)) == answer


def test_a_full_disk_is_found_before(stub: HubStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is refused, --yes or not."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 9 * 10**5, 10**5))  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="do not fit"):
        hub.obtain(NAME, yes=True)
    assert weights(stub) == []


def test_train_by_name_and_go_on_offline(
    stub: HubStub, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in the cache, nothing is asked of the Hub; the checkpoint knows its base by name, on any machine."""
    out = tmp_path / "out"
    told = ("train", run_folder, "--model", NAME, "--out", out, "--max-steps", 1, "--lr", 1e-3)
    assert "frozen     unchanged" in call(*told, "--yes").output
    assert read_config(out).spec.folder == NAME
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    count = len(stub.fetched)
    assert load_checkpoint(out).spec.folder == NAME
    assert call("merge", out, "--out", tmp_path / "merged").exit_code == 0
    assert not (tmp_path / "merged" / "model.safetensors").is_symlink()
    assert len(stub.fetched) == count


def test_an_interrupted_download_is_not_taken_for_a_whole(stub: HubStub, tiny_folder: Path) -> None:
    """A cache that lacks one of the files is not used, and the next fetch completes it."""
    folder = hub.obtain(NAME, yes=True)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="not in the cache"):
        hub.local_folder(NAME)
    assert (hub.obtain(NAME, yes=True) / "model.safetensors").exists()


def test_offline_without_it(offline: Path, run_folder: Path, tmp_path: Path) -> None:
    """Settings are read without the Hub; to train, what is not in the cache is missed, by its name."""
    assert read_settings({"model": NAME}).model == NAME
    assert resolve_model(NAME) == ("instructblip", NAME)
    told = ("train", run_folder, "--model", NAME, "--out", tmp_path / "out", "--yes")
    assert "the Hub does not give it" in str(error_of(*told))
    with pytest.raises(InputError) as caught:
        assemble(ModelSpec("instructblip", NAME))
    assert f"emovit_train fetch {NAME}" in str(caught.value.remedy)


def test_names_that_are_none(offline: Path, stub: HubStub) -> None:
    """A folder that is not there, a name that tells no kind, and one that the Hub does not know."""
    Path("models").mkdir()
    with pytest.raises(InputError, match="no such folder"):
        resolve_model("models/instructblip-vicuna-7b")
    with pytest.raises(InputError, match="whose kind its name tells"):
        resolve_model("me/tiny")
    assert resolve_model("me/tiny", "llava") == ("llava", "me/tiny")
    assert resolve_model("llava-hf/llava-1.5-7b-hf")[0] == "llava"
    with pytest.raises(UnknownNameError, match="llava"):
        call("fetch", "me/tiny", "--arch", "lava")
    with pytest.raises(InputError, match="no such model on the Hub"):
        hub.obtain("me/instructblip-gone", yes=True)
    with pytest.raises(InputError, match="owner/name"):
        call("fetch", "instructblip")


def test_why_the_hub_does_not_give_it(stub: HubStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such revision, owners who ask for consent, a disk that fills up: each is told with what to do."""
    with pytest.raises(InputError, match="no such revision"):
        hub.obtain(f"{NAME}@{UNKNOWN}", yes=True)
    stub.gated = True
    with pytest.raises(InputError, match="ask for consent"):
        hub.obtain(NAME, yes=True)
    stub.gated = False

    def fill(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", fill)
    with pytest.raises(InputError, match="the disk is full"):
        hub.obtain(NAME, yes=True)


class Runs:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_pickled_weights_run_no_code(
    tiny_folder: Path, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are no safetensors, pickled weights are read, but nothing in them is run."""
    folder = offline.parent / "served"
    shutil.copytree(tiny_folder, folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    served = serve(folder, monkeypatch)
    stub = next(served)
    assert torch.equal(
        assemble(ModelSpec("instructblip", str(hub.obtain(NAME, yes=True)))).query_tokens,
        tensors["query_tokens"],
    )
    assert weights(stub) == ["pytorch_model.bin"]
    next(served, None)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"query_tokens": Runs()}, protocol=2))
    with pytest.raises(InputError, match="the weights cannot be loaded"):
        assemble(ModelSpec("instructblip", str(folder)))
    assert not Path("ran").exists()
