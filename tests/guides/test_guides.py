"""The guides for newcomers: their commands run in the order of the page, on small things of the names that it has."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from batch_stub import BatchStub
from command_line import Emogen
from doc_blocks import PAGES, ROOT, blocks_of, commands_of
from openai_stub import OpenAIStub, Reply
from PIL import Image
from source_layouts import emoset_of
from typer.testing import CliRunner

from emogen.errors import CheckFailedError
from tests.emovit_train.conftest import run_folder, tiny_folder, tuned_folder  # noqa: F401 - fixtures
from tests.emovit_train.evaluation.datasets.dataset_layouts import emotionroi
from tests.emovit_train.evaluation.predictors.tiny_image_text import llava
from tests.emovit_train.llava_tiny import save_tiny_llava

CAPTION = "A rocket stands on its launch pad under a wide sky."
DOCS = ROOT / "docs"


@pytest.fixture
def place(tmp_path: Path, batch_stub: BatchStub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photographs in folders by emotion, records of them, and the guides' model at a stub's address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setattr("emogen.backends.server.DEFAULT_BASE_URL", batch_stub.url)
    batch_stub.ends_after = 1
    rows = []
    for number, name in enumerate(("awe/mountain", "awe/canyon", "contentment/porch")):
        Path(f"photos/{name}.jpg").parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (80 * number, 90, 30)).save(f"photos/{name}.jpg")
        rows.append(
            {"id": name, "image": f"photos/{name}.jpg", "emotion": name.split("/")[0], "caption": CAPTION}
        )
    Path("records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def run(page: Path, emogen: Emogen, *, leaving: Iterable[str] = ()) -> int:
    """Run the page's `emogen` commands in their order, but for those with one of some words; return how many ran.

    `review` serves a page until somebody ends it: its own tests do so.
    """
    ran = 0
    for program, *words in commands_of(page):
        if program == "emogen" and not set(words) & {"review", *leaving}:
            done = emogen(*words)
            assert done.code == 0, f"{' '.join(words)}\n{done.out}{done.err}"
            ran += 1
    return ran


def samples(folder: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(folder, "samples.jsonl").read_text().splitlines()]


def test_first_data_set(place: Path, emogen: Emogen, batch_stub: BatchStub) -> None:
    """From photographs to a validated file and a card, and nothing is asked twice on the way."""
    assert run(DOCS / "first-data-set.md", emogen, leaving=["report", "setup"]) >= 9
    assert len(batch_stub.bodies) == 2 * 3
    assert json.loads(Path("records.jsonl").read_text().splitlines()[0])["origin"]["brightness"] == "pixels"
    assert len(samples("runs/first")) == 3
    assert len(json.loads(Path("llava.json").read_bytes())) == len(samples("runs/mine")) >= 3
    assert Path("runs/mine/README.md").is_file()


def test_own_images(place: Path, emogen: Emogen) -> None:
    """Notes, own labels and a split come into the records; what is said stays."""
    page = DOCS / "own-images.md"
    (notes,) = blocks_of(page, "json")
    Path("photos/metadata.jsonl").write_text(notes.text)
    for line in notes.text.splitlines():
        Image.new("RGB", (16, 16)).save(Path("photos", json.loads(line)["file_name"]))
    for folder in ("awe", "contentment"):
        for image in Path("photos", folder).iterdir():
            image.unlink()
        Path("photos", folder).rmdir()
    assert run(page, emogen) >= 2
    (record,) = [json.loads(line) for line in Path("few.jsonl").read_text().splitlines()]
    assert record["labels"] == ["joy", "anger", "fear"]
    assert record["attributes"]["scene"] == "beach"


def test_costs(place: Path, emogen: Emogen) -> None:
    """Estimates ask nothing, and the price table is read."""
    page = DOCS / "costs.md"
    assert run(page, emogen) >= 5
    (prices,) = blocks_of(page, "toml")
    Path("mine.toml").write_text(prices.text)
    free = emogen(
        *("generate", "records.jsonl", "--backend", "openai:my-model", "--prices", "mine.toml", "--dry-run")
    )
    assert "about 0.00 USD" in free.out


def test_prompts(place: Path, emogen: Emogen, batch_stub: BatchStub) -> None:
    """The block and the example of the guide are what the model reads."""
    page = DOCS / "prompts.md"
    for folder, language, suffix in (("my-templates", "jinja", "j2"), ("my-seeds", "json", "jsonl")):
        (block,) = blocks_of(page, language)
        Path(folder).mkdir()
        Path(folder, f"reasoning.{suffix}").write_text(block.text)
    assert run(page, emogen, leaving=["report"]) >= 4
    shown = emogen(
        "generate",
        "records.jsonl",
        "--backend",
        "gpt-6.1-sol",
        "--templates",
        "my-templates",
        "--show-prompt",
    )
    assert "Name no emotion in the question." in shown.out
    assert any("wet dog" in json.dumps(body) for body in batch_stub.bodies)


@pytest.fixture
def world_of_others(
    tmp_path: Path, emogen: Emogen, records_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files as other repositories have them."""
    monkeypatch.chdir(tmp_path)
    records = records_file(3)
    Path("photos").mkdir()
    Path("images").mkdir()
    for number in range(3):
        for folder in ("photos", "images"):
            Image.new("RGB", (16, 16), (80 * number, 90, 30)).save(f"{folder}/r{number}.jpg")
    assert emogen("generate", records, "--types", "categorical", "--out", "ours").code == 0
    for format, name in (
        ("emovit", "all.json"),
        ("instructblip", "annotations.json"),
        ("llava", "conversations.json"),
    ):
        assert emogen("export", "ours", "--format", format, "--out", name).code == 0
        Path(name).write_text(Path(name).read_text().replace("photos/", ""))


def test_coming_from_others_data(world_of_others: None, emogen: Emogen) -> None:
    """Files of three repositories become runs, with every row."""
    assert run(DOCS / "coming-from.md", emogen, leaving=["report"]) >= 4
    for folder in ("runs/theirs", "runs/annotated", "runs/conversations"):
        assert len(samples(folder)) == 3


def tune(page: Path, *, leaving: Iterable[str] = ()) -> None:
    """Run the page's `emovit_train` commands in their order; a checkpoint of the Hub is a folder of its name here."""
    from emovit_train.cli import app

    for program, *words in commands_of(page):
        if program == "emovit_train" and not set(words) & set(leaving):
            told = [word.removeprefix("Salesforce/") for word in words]
            done = CliRunner().invoke(app, told, catch_exceptions=False)
            assert done.exit_code == 0, f"{' '.join(words)}\n{done.output}"


@pytest.mark.slow
def test_coming_from_others_weights(
    world_of_others: None,
    emogen: Emogen,
    tiny_folder: Path,  # noqa: F811
) -> None:
    """Tuning as the others do, and weights there and back."""
    from emovit_train.cli import app

    page = DOCS / "coming-from.md"
    Path("instructblip-vicuna-7b").symlink_to(tiny_folder)
    save_tiny_llava(Path("llava-1.5-7b-hf"))
    run(page, emogen)
    made = ("train", "runs/theirs", "--model", "instructblip-vicuna-7b", "--max-steps", "1", "--out", "tuned")
    assert CliRunner().invoke(app, made, catch_exceptions=False).exit_code == 0
    assert CliRunner().invoke(app, ("export-lavis", "tuned", "--out", "emovit.pth")).exit_code == 0
    tune(page)
    assert Path("tuned.pth").is_file()
    assert Path("llava-tuned/config.json").is_file()
    shutil.rmtree("emovit")
    Path("tuned.pth").unlink()
    Path("tuned").rename("runs/tuned")
    tune(DOCS / "lavis.md")
    assert Path("emovit-whole/config.json").is_file()


@pytest.mark.slow
def test_gpus(
    tmp_path: Path,
    run_folder: Path,  # noqa: F811
    tiny_folder: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All that needs neither the Hub nor several GPUs."""
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    Path("runs/mine").symlink_to(run_folder)
    Path("instructblip-vicuna-7b").symlink_to(tiny_folder)
    tune(DOCS / "gpus.md", leaving=["fetch"])
    assert Path("tuned-whole/config.json").is_file()


@pytest.mark.slow
def test_judging(
    tmp_path: Path,
    run_folder: Path,  # noqa: F811
    tuned_folder: Path,  # noqa: F811
    stub: OpenAIStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four models are asked about photographs and compared; a small copy of EmotionROI is told to be none."""
    from emovit_train.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setattr("emogen.backends.server.DEFAULT_BASE_URL", stub.url)
    stub.default = Reply(text="Predict emotion: joy.")
    for number, emotion in enumerate(("joy", "joy", "anger", "fear")):
        photo = Path(f"photos/{emotion}/{number}.jpg")
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (60 * number, 90, 30)).save(photo)
    for name, there in (("tuned", tuned_folder), ("mine", run_folder)):
        Path("runs").mkdir(exist_ok=True)
        Path("runs", name).symlink_to(there)
    llava(Path("models/llava-1.5-7b-hf"))
    emotionroi(Path("EmotionROI"))
    page = DOCS / "judging.md"
    with pytest.raises(CheckFailedError):
        CliRunner().invoke(app, ["datasets", "check", "EmotionROI"], catch_exceptions=False)
    tune(page, leaving=["EmotionROI"])
    told = json.loads(Path("tables/scores.json").read_text())
    accuracies = {(row["model"], row["reading"]): row["accuracy"] for row in told["scores"]}
    assert accuracies["gpt-6.1-sol", "lenient"] == 0.5
    assert len(told["compared"]) >= 3


def test_readme(place: Path, emogen: Emogen) -> None:
    """Its commands run on a small copy of EmoSet, which has too few images for the paper's selection alone."""
    emoset_of(place / "EmoSet-118K", 4)
    # The others are run by their own guides' tests.
    leaving = ["paper-51200", "setup", "report", "review", "describe"]
    assert run(ROOT / "README.md", emogen, leaving=leaving) >= 9


# What is run elsewhere, and by whom.
ELSEWHERE = {
    "checks.md": "tests/emogen/checks/test_checks_guide.py",
    "data.md": "tests/test_docs.py",
    "evaluation.md": "tests/emovit_train/evaluation/test_guide.py",
    "exports.md": "tests/test_docs.py",
    "extending.md": "tests/guides/test_extending.py",
    "generation.md": "tests/emogen/test_generation_guide.py",
    "miniature.md": "tests/examples/test_miniature.py",
    "perception.md": "tests/test_docs.py",
    "report.md": "tests/test_docs.py",
    "review.md": "tests/test_docs.py",
    "reproducing.md": "tests/emovit_train/reproduction/test_reproducing_guide.py",
    "scaling.md": "tests/emogen/on_ray/test_ray_run.py",
    "tuning.md": "tests/emovit_train/test_tuning_guide.py",
}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks_of(page, "bash")], ids=lambda page: page.name
)
def test_every_page_is_run_somewhere(page: Path) -> None:
    """A page with commands is named by a test that runs them."""
    by = ROOT / ELSEWHERE.get(page.name, Path(__file__).relative_to(ROOT))
    assert page.name in by.read_text(encoding="utf-8")
