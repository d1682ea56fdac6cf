from __future__ import annotations

import sys
from pathlib import Path

import pytest

from emogen.errors import InputError, MissingExtraError, UnknownNameError
from emogen.registry import Registry, require

GROUP = "emogen.test_things"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Install a package of somebody else's with entry points."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(entries: dict[str, str], **modules: str) -> None:
        info = tmp_path / "others-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {target}" for name, target in entries.items())
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}\n")
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source)
            monkeypatch.delitem(sys.modules, name, raising=False)

    return install


def things() -> Registry[object]:
    return Registry("thing", GROUP, {"path": "pathlib:Path", "home": "pathlib:Path.home"})


def test_an_entry_is_imported_by_its_name() -> None:
    """A name gives the object that its target names, dotted attributes included."""
    assert things().get("path") is Path
    assert things().get("home") == Path.home


def test_an_unknown_name_is_answered_with_the_nearest_and_the_list() -> None:
    """A misspelt name is the user's error, with what was probably meant."""
    with pytest.raises(
        UnknownNameError, match=r"unknown thing 'paht'\. Did you mean 'path'\? Known: home, path"
    ):
        things().get("paht")


def test_another_packages_entry_is_found(install) -> None:  # type: ignore[no-untyped-def]
    """An entry point of any installed package is an entry like ours, listed after them."""
    install({"mine": "emo_other:make"}, emo_other="def make():\n    '''Makes things.\n\n    More.'''\n")
    table = things()
    assert list(table.targets()) == ["path", "home", "mine"]
    assert table.names() == ["home", "mine", "path"]
    assert "mine" in table
    assert "yours" not in table
    assert table.summaries()["mine"] == "Makes things."


def test_another_package_cannot_take_over_our_name(install) -> None:  # type: ignore[no-untyped-def]
    """What we ship under a name stays ours."""
    install({"path": "emo_other:make"}, emo_other="make = 1")
    assert things().get("path") is Path
    assert things().targets()["path"] == "pathlib:Path"


@pytest.mark.parametrize(
    "source", ["import not_there", "def make(", "1 / 0", ""], ids=["import", "syntax", "raise", "attribute"]
)
def test_a_broken_entry_of_another_package_is_an_input_error(source: str, install) -> None:  # type: ignore[no-untyped-def]
    """However another package fails to import, the message names it and the group that registers it."""
    install({"mine": "emo_broken:make"}, emo_broken=source)
    with pytest.raises(InputError, match=rf"thing 'mine' .* 'emo_broken:make'.*{GROUP}"):
        things().get("mine")


def test_another_packages_own_message_reaches_the_user(install) -> None:  # type: ignore[no-untyped-def]
    """A missing extra of another package keeps its install line."""
    install(
        {"mine": "emo_needs:make"},
        emo_needs="from emogen.errors import MissingExtraError\nraise MissingExtraError('x', 'local', 'It')",
    )
    with pytest.raises(MissingExtraError, match="pip install"):
        things().get("mine")


def test_a_bug_in_our_own_entry_keeps_its_traceback() -> None:
    """A target of ours that does not exist is a bug, not the user's error."""
    with pytest.raises(AttributeError):
        Registry("thing", GROUP, {"gone": "pathlib:Gone"}).get("gone")


def test_a_missing_package_names_the_install_line() -> None:
    """An optional package that is absent is answered with its extra."""
    with pytest.raises(MissingExtraError, match=r"The model needs .* not_there, .*emovit-toolkit\[local\]"):
        require("not_there.part", extra="local", purpose="The model")


def test_a_package_that_is_there_is_returned() -> None:
    """An installed package is imported and given back."""
    assert require("pathlib", extra="local", purpose="It").Path is Path


def test_a_broken_optional_package_keeps_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is there and lacks one of its own needs is not called missing."""
    (tmp_path / "emo_half.py").write_text("import not_there_either")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_there_either"):
        require("emo_half", extra="local", purpose="It")
