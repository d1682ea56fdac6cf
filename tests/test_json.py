"""`--json` on every command that reports: one JSON object on stdout, and nothing else there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main
from batch_stub import BatchStub
from PIL import Image
from typer.testing import CliRunner

import emogen.cli
import emovit_train.cli
from emogen.terminal import AsJson, run_app, say, show_json
from tests.emovit_train.conftest import run_folder, tiny_folder  # noqa: F401 - fixtures
from tests.emovit_train.evaluation.datasets import dataset_layouts
from tests.emovit_train.evaluation.prediction_rows import row

PROGRAMS = {"emogen": emogen.cli.app, "emovit_train": emovit_train.cli.app}
# They make something, and their result is a file or a folder.
SILENT = {
    "emogen card",
    "emogen setup embeddings",
    "emogen setup local",
    "emovit_train export-lavis",
    "emovit_train fetch",
    "emovit_train humour ballot",
    "emovit_train merge",
    "emovit_train setup-lavis",
}
# Their own tests run them with --json.
ELSEWHERE = {"emovit_train humour tally", "emovit_train humour write", "emovit_train import-lavis"}
# Command line → names that its object has, at least, and its exit code.
CASES: dict[str, tuple[set[str], int]] = {
    "emogen records records.jsonl --out again.jsonl": ({"written", "counts", "left_out"}, 0),
    "emogen describe photos --no-objects --out described.jsonl": ({"written", "failed_requests"}, 0),
    "emogen generate records.jsonl --types categorical --out made": ({"kept", "rejected", "cost"}, 0),
    "emogen generate records.jsonl --backend gpt-6.1-sol --dry-run": ({"requests", "usage", "cost"}, 0),
    "emogen generate records.jsonl --backend gpt-6.1-sol --show-prompt": ({"prompts"}, 0),
    "emogen dedup run --dry-run": ({"clusters", "compared", "threshold"}, 0),
    "emogen batch submit records.jsonl --backend gpt-6.1-sol --out half --dry-run": ({"requests", "cost"}, 0),
    "emogen batch submit records.jsonl --backend gpt-6.1-sol --out half": ({"requests", "waiting"}, 0),
    "emogen batch status half": ({"batches", "ended"}, 5),
    "emogen batch cancel half": ({"batches"}, 0),
    "emogen batch collect half": ({"kept", "missing"}, 5),
    "emogen rebuild half": ({"kept", "rejected"}, 0),
    "emogen export run --format llava --out llava.json": ({"rows", "written", "left_out"}, 0),
    "emogen review run": ({"reviewers", "pairs"}, 0),
    "emogen report run": ({"runs"}, 0),
    "emogen validate broken.json --format llava": ({"rows", "problems"}, 1),
    "emogen import broken.json --format llava --out imported": ({"kept", "rejected"}, 1),
    "emogen doctor": ({"findings"}, 0),
    "emovit_train train tuning --max-steps 1 --model tiny --out tuned": ({"steps", "loss_start", "out"}, 0),
    "emovit_train evaluate tuning/records.jsonl --checkpoint tuned --limit 2": ({"splits", "model"}, 0),
    "emovit_train predict tuning/photos/red.png --checkpoint tuned --ask What?": ({"answers"}, 0),
    "emovit_train predict tuning/photos/red.png --checkpoint tuned --labels joy,fear": ({"answers"}, 0),
    "emovit_train score predictions.jsonl": ({"scores", "compared", "confusions"}, 0),
    "emovit_train compare predictions.jsonl others.jsonl": ({"compared"}, 0),
    "emovit_train contamination photos photos --split all --train-split all": ({"tests"}, 0),
    "emovit_train reproduce --list": ({"table2", "humour"}, 0),
    "emovit_train reproduce table2": ({"cells", "missing"}, 5),
    "emovit_train datasets list": ({"webemo", "fi"}, 0),
    "emovit_train datasets check ArtPhoto": ({"items", "wrong"}, 1),
    "emovit_train datasets ids ArtPhoto --split all": ({"ids"}, 0),
}

# What some cases read, and the case that makes it.
MADE_BY = {name: next(case for case in CASES if case.endswith(f"--out {name}")) for name in ("half", "tuned")}


def commands() -> Iterator[tuple[str, Any]]:
    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        if hasattr(command, "commands"):
            for part in command.commands:
                yield from below(f"{name} {part}", command.commands[part])
        else:
            yield name, command

    for program, app in PROGRAMS.items():
        yield from below(program, typer.main.get_command(app))


def test_every_command_that_reports_has_it() -> None:
    """A command takes --json and has a case here, or is among those whose result is a file."""
    for name, command in commands():
        takes = any("--json" in option.opts for option in command.params)
        tested = any(case.startswith(f"{name} ") or case == name for case in CASES)
        assert takes == tested or name in ELSEWHERE, name
        assert takes == (name not in SILENT), name


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run either program in this process; all that reaches the two streams is seen, whoever writes it."""

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", list(words))
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            run_app(PROGRAMS[words[0]])
        return Ran(int(ended.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    run_folder: Path,  # noqa: F811
    tiny_folder: Path,  # noqa: F811
) -> Path:
    """What the cases name, but for what other cases make."""
    place = tmp_path_factory.mktemp("world")
    for name, folder in (("tuning", run_folder), ("tiny", tiny_folder)):
        (place / name).symlink_to(folder)
    rows = []
    for number in range(2):
        image = place / "photos" / "awe" / f"r{number}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (99 * number, 0, 0)).save(image)
        about = {"emotion": "awe", "caption": "A rocket stands on its launch pad under a wide sky."}
        rows.append({"id": f"r{number}", "image": f"photos/awe/r{number}.jpg", **about})
    (place / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "broken.json").write_text(json.dumps([{"id": "a", "image": "a.jpg", "conversations": []}]))
    dataset_layouts.artphoto(place / "ArtPhoto")
    for file, answer in (("predictions.jsonl", "awe"), ("others.jsonl", "fear")):
        lines = [row(number, "awe", answer, model=file).model_dump_json() for number in range(4)]
        (place / file).write_text("\n".join(lines) + "\n")
    made = [
        ("generate", str(place / "records.jsonl"), "--types", "categorical", "--out", str(place / "run")),
    ]
    for words in made:
        assert CliRunner().invoke(emogen.cli.app, words, catch_exceptions=False).exit_code == 0
    return place


@pytest.fixture(scope="module")
def server() -> Iterator[BatchStub]:
    with BatchStub() as stub:
        yield stub


@pytest.mark.parametrize("case", CASES)
def test_one_object_and_nothing_else(
    case: str, world: Path, run: Callable[..., Ran], server: BatchStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """stdout is one JSON object with the figures, whatever else is said; the exit code is as without it."""
    monkeypatch.chdir(world)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setattr("emogen.backends.server.DEFAULT_BASE_URL", server.url)
    names, code = CASES[case]
    for name, maker in MADE_BY.items():
        # Another process may have had the case that makes it.
        if name in case.split() and f"--out {name}" not in case and not Path(name).exists():
            assert run(*maker.split()).code == 0
    ran = run(*case.split(), "--json")
    assert ran.code == code, ran.err
    found = json.loads(ran.out)
    assert isinstance(found, dict)
    assert names <= found.keys()


def test_what_is_said_goes_elsewhere_only_while_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A command's own words are on stderr under --json, and on stdout again with the next command."""
    app = typer.Typer()

    @app.command()
    def speak(as_json: AsJson = False) -> None:
        say("words")
        if as_json:
            show_json({"name": "\x85\u202e", "path": Path("a"), "none": float("nan")})

    for words, out, err in ((["--json"], None, "words\n"), ([], "words\n", "")):
        with pytest.raises(SystemExit):
            app(words)
        shown = capsys.readouterr()
        assert shown.err == err
        if out is None:
            assert json.loads(shown.out) == {"name": "\x85\u202e", "path": "a", "none": None}
            assert shown.out.isascii()
        else:
            assert shown.out == out
