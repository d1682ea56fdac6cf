"""The guides in docs/: their commands run, on small data sets of the layouts that they name."""

from __future__ import annotations

import json
import re
import shlex
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_models
from command_line import Emogen
from PIL import Image
from source_layouts import emoset_of

from benchmarks.report.made_run import rows, write_run
from emogen.reviews import Review, append_review

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def run_commands(emogen: Emogen, guide: str) -> int:
    """Run the commands of a guide in their order, but for what is installed; return how many there are."""
    ran = 0
    for block in BLOCK.findall((ROOT / "docs" / guide).read_text(encoding="utf-8")):
        for program, *words in map(shlex.split, block.splitlines()):
            # A parser is trained and asked in tests/emogen/report/test_syntax.py.
            if program in ("pip", "python") or "--parser" in words:
                continue
            assert program == "emogen"
            done = emogen(*words)
            assert done.code == 0, f"{words}\n{done.err}"
            ran += 1
    return ran


def test_the_commands_of_the_data_guide(
    emogen: Emogen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of docs/data.md does what the guide says of it."""
    monkeypatch.chdir(tmp_path)
    emoset_of(tmp_path / "EmoSet-118K", 4)
    Path("captions.json").write_text('{"awe_00000": "A bird."}')
    Path("shards").mkdir()
    for number in range(2):
        record = {"image": f"image/awe/awe_0000{number}.jpg", "emotion": "awe"}
        Path(f"shards/{number}.jsonl").write_text(json.dumps(record))
    assert run_commands(emogen, "data.md") >= 6

    def images(name: str) -> set[str]:
        return {json.loads(line)["image"] for line in Path(name).read_text().splitlines()}

    assert len(images("emoset.jsonl")) == 32
    assert images("quarter.jsonl") < images("half.jsonl")
    assert len(images("balanced.jsonl")) == 16
    assert len(Path("runs/shards/samples.jsonl").read_text().splitlines()) == 2
    assert json.loads(Path("runs/shards/run.json").read_bytes())["image_root"] == "../../EmoSet-118K"


def test_the_commands_of_the_perception_guide(
    emogen: Emogen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of docs/perception.md runs, with small models in the folders that it names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("emogen.perception.quantile_map.LEAST_IMAGES", 5)
    Path("photos").mkdir()
    rows = []
    for number in range(6):
        Image.new("RGB", (8, 8), (number * 10, 0, 0)).save(f"photos/{number}.png")
        noted = {"brightness": round(number / 6, 1), "colorfulness": 0.5}
        rows.append(json.dumps({"image": f"photos/{number}.png", "attributes": noted}))
    Path("annotated.jsonl").write_text("\n".join(rows))
    tiny_models.blip2(Path("models/blip2-opt-2.7b"))
    tiny_models.clip(Path("models/clip-vit-large-patch14"))
    assert run_commands(emogen, "perception.md") >= 1
    record = json.loads(Path("tagged.jsonl").read_text().splitlines()[0])
    assert record["origin"]["caption"] == "model:blip2-opt-2.7b"
    assert Path("calibrated.jsonl").read_bytes() == Path("again.jsonl").read_bytes()


def test_the_commands_of_the_exports_guide(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of docs/exports.md runs on a run of the name that the guide gives it."""
    monkeypatch.chdir(tmp_path)
    records = records_file(3)
    Path("photos").mkdir()
    for number in range(3):
        Path(f"photos/r{number}.jpg").write_bytes(b"\xff\xd8 %d" % number)
    assert emogen("generate", records, "--types", "categorical", "--out", "runs/mine").code == 0
    assert run_commands(emogen, "exports.md") >= 3
    assert len(json.loads(Path("llava.json").read_bytes())) == 3
    assert list(Path("shards").glob("train-000000.tar"))


def test_the_commands_of_the_report_guide(
    emogen: Emogen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of docs/report.md runs on a run of the name that the guide gives it."""
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/mine"), rows(40))
    write_run(Path("runs/other"), rows(20))
    monkeypatch.setattr("emogen.report.measures.SELF_BLEU_TEXTS", 4)
    assert run_commands(emogen, "report.md") >= 4
    assert Path("runs/mine/README.md").is_file()


def test_the_commands_of_the_review_guide(
    emogen: Emogen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of docs/review.md runs on a run of the name that the guide gives it; pages are served, and ended."""
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/mine"), rows(60))
    one = Review(
        record_id="awe_000002",
        instruction="reasoning",
        reviewer="ann",
        decision="accept",
        said_sha256="",
        at="",
    )
    append_review(Path("runs/mine"), one)
    served = []

    async def ended(app: object, opened: socket.socket, ready: Callable[[], object]) -> None:
        ready()
        opened.close()
        served.append(app)
        raise KeyboardInterrupt

    monkeypatch.setattr("emogen.review.server.serve", ended)
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    assert run_commands(emogen, "review.md") == 5
    assert len(served) == 3
