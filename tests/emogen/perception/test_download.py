"""Models of the Hub that describe images: what is said before a download, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_models
from hub_stub import HubStub
from huggingface_hub import constants

from emogen.errors import InputError
from emogen.perception.checkpoint import Machine, download

NAME = "me/tiny-blip2"
KIND = "AutoModelForImageTextToText"


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStub]:
    """A Hub with a tiny BLIP-2, and an empty cache."""
    folder = tiny_models.blip2(tmp_path / "served")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with HubStub(folder, NAME) as stub:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", stub.url)
        files = stub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        yield stub


def test_disk_memory_and_time_are_said_first(stub: HubStub, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the configuration comes unasked; a yes brings the weights, once, and folders bring nothing."""
    machine = Machine("cpu", "float32")
    with pytest.raises(InputError, match=r"nobody is there to say yes.*--yes"):
        download(NAME, KIND, machine, yes=False)
    assert stub.fetched == ["config.json"]
    said = capsys.readouterr().err
    assert "is not in the cache of the Hugging Face Hub. It takes\n  disk " in said
    assert "GB in float32 (0.00 billion weights, computed)" in said
    assert "s an image on cpu" in said
    download(NAME, KIND, machine, yes=True)
    fetched = list(stub.fetched)
    assert "model.safetensors" in fetched
    capsys.readouterr()
    download(NAME, KIND, machine, yes=False)
    download(str(Path.cwd() / "served"), KIND, machine, yes=False)
    assert stub.fetched == fetched
    assert capsys.readouterr().err == ""
