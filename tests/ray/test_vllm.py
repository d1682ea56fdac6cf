"""`emogen generate --vllm`: Ray's own processor, whose engine alone is replaced, as it needs a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emogen.journal import Journal

# Two minutes: each pass starts all of the processor's stages.
pytestmark = [pytest.mark.ray, pytest.mark.slow]
pytest.importorskip("ray", reason="the extra ray is not installed")
TESTS = Path(__file__).parents[1]
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with a tokenizer and a chat template, as all that the processor reads of a model but its weights."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", chat_template=TEMPLATE)
    tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text('{"model_type": "llama"}')
    return tmp_path / "model"


def test_passes(tmp_path: Path, model: Path, records_file: Callable[..., Path]) -> None:
    """All rows are asked, unreadable answers corrected, failures rejected; what is answered is not asked again."""
    run = tmp_path / "run"
    (tmp_path / "vllm.yaml").write_text("engine: {tensor_parallel_size: 1}\nbatch_size: 4\n")
    words = ["generate", records_file(5), "--types", "categorical,conversation,reasoning", "--out", run]
    words += ["--backend", f"openai:{model}", "--engine", "ray", "--vllm", tmp_path / "vllm.yaml"]
    path = os.pathsep.join(map(str, (TESTS, TESTS.parent)))
    program = [sys.executable, "-m", "tests.ray.fake_vllm", *map(str, words)]
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_enable_metrics_collection": "0", "HF_HUB_OFFLINE": "1"}
    said = []
    for _ in range(2):
        done = subprocess.run(
            program,
            cwd=TESTS.parent,
            env={**os.environ, **quiet, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said.append(done.stdout)
    assert "kept 13: categorical 5, conversation 4, reasoning 4" in said[0]
    assert all("rejected 2: engine_error 2" in each for each in said)
    rows = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    asked = [row["provenance"] for row in rows if row["instruction"] != "categorical"]
    assert sorted(row["revision"] for row in asked) == [0] * 6 + [1] * 2
    assert {row["answer_format"] for row in asked} == {"json_schema"}
    assert {row["usage"]["completion_tokens"] for row in asked} == {21}
    assert {row["latency_s"] for row in asked} == {0.25}
    rejected = [json.loads(line) for line in (run / "rejections.jsonl").read_text().splitlines()]
    assert {row["detail"] for row in rejected} == {"ValueError: the prompt is too long"}
    with Journal(run / "journal.sqlite") as journal:
        # Of the two requests of r0, both answers to each.
        assert len(list(journal.entries())) == 6 + 4
