"""The wheel: what is inside, and that it works where no checkout is."""

from __future__ import annotations

import json
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from openai_stub import CONVERSATION
from own_environment import bare_environment, run

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    run(*build, cwd=folder)
    (built,) = folder.glob("emovit_toolkit-*.whl")
    return built


def files(folder: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_what_is_inside(wheel: Path) -> None:
    """Both packages with their data and type marker, all templates and all seeds are inside; nothing else is."""
    names = set(zipfile.ZipFile(wheel).namelist())
    bundled = {f"emogen/_bundled/{name}" for name in files("templates") | files("seeds")}
    packages = {name for name in files("emogen") | files("emovit_train") if "/_bundled/" not in name}
    assert {"emogen/py.typed", "emovit_train/py.typed", "emogen/data/models.toml"} <= packages
    assert {"emogen/_bundled/templates/base.j2", "emogen/_bundled/seeds/reasoning.jsonl"} <= bundled
    rest = {name for name in names - bundled - packages if ".dist-info/" not in name}
    assert (bundled | packages) - names == set()
    assert rest == set()


def generate(python: Path, empty: Path, types: str, *options: object) -> list[dict[str, object]]:
    """Generate one record's samples with an installed `emogen`."""
    record = {"id": "r0", "image": "r0.jpg", "emotion": "awe", "caption": "A rocket stands on its pad."}
    (empty / "records.jsonl").write_text(json.dumps(record) + "\n")
    words = ["generate", "records.jsonl", "--types", types, "--out", "run", *options]
    run(python.with_name("emogen"), *words, cwd=empty)
    return [json.loads(line) for line in (empty / "run" / "samples.jsonl").read_text().splitlines()]


def home_of(module: str, python: Path, cwd: Path) -> Path:
    return Path(run(python, "-c", f"import {module}; print({module}.__file__)", cwd=cwd).strip())


def test_generates_where_no_checkout_is(
    wheel: Path, tmp_path: Path, answers_file: Callable[..., Path]
) -> None:
    """Installed into a bare environment, the wheel finds its templates and seeds and makes samples."""
    python = bare_environment(tmp_path / "venv")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    run(*pip, wheel, cwd=tmp_path)
    # The dependencies come from this environment; its own .pth files, such as an editable install's, are not read.
    site = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    assert home_of("emogen", python, tmp_path).is_relative_to(tmp_path)
    script = answers_file({"text": CONVERSATION})
    (tmp_path / "empty").mkdir()
    samples = generate(
        python, tmp_path / "empty", "categorical,conversation", "--backend", f"scripted:{script}"
    )
    assert [sample["instruction"] for sample in samples] == ["categorical", "conversation"]


@pytest.mark.slow
def test_installs_with_its_dependencies(wheel: Path, tmp_path: Path) -> None:
    """From the package index the wheel installs into a bare environment, light, and makes samples."""
    python = bare_environment(tmp_path / "venv")
    pip = [sys.executable, "-m", "pip", "--python", python]
    run(*pip, "install", "--quiet", wheel, cwd=tmp_path)
    installed = {
        entry["name"].lower() for entry in json.loads(run(*pip, "list", "--format=json", cwd=tmp_path))
    }
    assert "pydantic" in installed
    assert not installed & {"torch", "transformers", "numpy", "pillow"}
    (tmp_path / "empty").mkdir()
    (sample,) = generate(python, tmp_path / "empty", "categorical")
    assert sample["instruction"] == "categorical"
