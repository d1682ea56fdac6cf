"""What is imported when: a light program starts at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from openai_stub import REASONING

HEAVY = {
    "ray",
    "pandas",
    "torch",
    "transformers",
    "openai",
    "aiohttp",
    "numpy",
    "PIL",
    "xllamacpp",
    "skimage",
    "sklearn",
}


def loaded_by(code: str) -> set[str]:
    """Run `code` in a fresh process; return which heavy packages it has loaded at its end."""
    report = "\nimport json as j, sys as s\nprint(j.dumps(sorted({m.split('.')[0] for m in s.modules})))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "json" in loaded
    return loaded & HEAVY


def command(*words: object) -> str:
    """Code that runs the emogen command line and survives its exit."""
    return (
        f"import sys\nsys.argv = ['emogen', *{[str(word) for word in words]!r}]\n"
        "from emogen.cli import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
    )


@pytest.mark.parametrize(
    "code",
    [
        "import emogen",
        "import emogen.schemas, emogen.protocol, emogen.errors",
        command("--help"),
        command("generate", "--help"),
        command("batch", "submit", "--help"),
        "import emovit_train",
    ],
    ids=["emogen", "schemas", "--help", "generate --help", "batch submit --help", "emovit_train"],
)
def test_nothing_heavy_at_start(code: str) -> None:
    """Importing the package and asking for help load no numbers, images, networks or models."""
    assert loaded_by(code) == set()


def test_only_the_command_that_is_called_is_imported() -> None:
    """No command waits for the others' modules."""
    report = "\nprint(*(name for name in sys.modules if name.startswith('emogen.cli_')))"
    code = command("validate", "--help") + report
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["emogen.cli_validate"]


def test_generating_from_text_needs_no_images(
    tmp_path: Path, records_file: Callable[..., Path], answers_file: Callable[..., Path]
) -> None:
    """Text-only generation with a scripted backend loads neither torch nor an image library nor a network."""
    script = answers_file({"text": REASONING, "instruction": "reasoning"})
    words = ["generate", records_file(1), "--backend", f"scripted:{script}", "--out", tmp_path / "run"]
    assert loaded_by(command(*words, "--types", "categorical,reasoning")) == set()
    assert len((tmp_path / "run" / "samples.jsonl").read_text().splitlines()) == 2
