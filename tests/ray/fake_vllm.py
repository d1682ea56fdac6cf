"""`emogen` with all of Ray's vLLM processor but the engine, which needs a GPU: a stage in its place answers by rule.

A row of r0 is answered unreadably until it is shown its mistake; one of r1 is never answered.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from typing import Any

import orjson
import ray
from openai_stub import CONVERSATION, REASONING
from ray.data.llm import build_processor
from ray.llm._internal.batch.stages.base import StatefulStage, StatefulStageUDF

from emogen.cli import main
from emogen.on_ray import vllm_generating

CPUS = 8


class Engine(StatefulStageUDF):
    """Takes what vLLM's stage takes, and gives what it gives."""

    async def udf(self, rows: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        for row in rows:
            assert set(row["sampling_params"]) == {"max_tokens", "seed", "structured_outputs"}
            schema = orjson.loads(row["sampling_params"]["structured_outputs"]["json"])
            wanted = {"conversation": {"basic", "advanced"}, "reasoning": {"question", "answer"}}
            assert set(schema["properties"]) == wanted[row["instruction"]]
            assert row["prompt"].endswith("assistant: ")
            failed = "ValueError: the prompt is too long" if row["record_id"] == "r1" else ""
            yield {
                self.IDX_IN_BATCH_COLUMN: row[self.IDX_IN_BATCH_COLUMN],
                "generated_text": "" if failed else _answer(row),
                "num_input_tokens": len(row["tokenized_prompt"]),
                "num_generated_tokens": 21,
                "time_taken_llm": -1 if failed else 0.25,
                "__inference_error__": failed,
            }


def _answer(row: dict[str, Any]) -> str:
    if row["record_id"] == "r0" and row["revision"] == 0:
        return "{}"
    return CONVERSATION if row["instruction"] == "conversation" else REASONING


class EngineStage(StatefulStage):
    fn: type[StatefulStageUDF] = Engine


def _processor(model: str, settings: Any, pool: Any) -> Any:
    config = vllm_generating.processor_config(model, settings, pool)
    processor = build_processor(config, preprocess=dict, postprocess=vllm_generating.kept)
    assert processor.list_stage_names() == ["ChatTemplateStage", "TokenizeStage", "vLLMEngineStage"]
    processor.stages["vLLMEngineStage"] = EngineStage(fn=Engine)
    return processor


if __name__ == "__main__":
    vllm_generating.vllm_processor = _processor
    # A machine with two cores has no room for all stages.
    ray.init = functools.partial(ray.init, num_cpus=CPUS)
    main()
