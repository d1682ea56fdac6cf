"""How Ray's vLLM processor is set up: what a file says of it, as the configuration that Ray takes.

Written to the interface that `ray.data.llm` documents (2.60): `vLLMEngineProcessorConfig` and `build_processor`. Of the
engine's own arguments only vLLM itself knows which there are: it looks at them on the machine with the GPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emogen.config_file import read_config_file
from emogen.errors import InputError, shorten
from emogen.on_ray.pool import Pool
from emogen.registry import require

__all__ = ["VllmSettings", "processor_config", "read_vllm_settings"]

# What is said elsewhere, and must not be said in two ways.
ELSEWHERE: Final = {
    "model": "as --backend openai:MODEL",
    "task_type": "nowhere: it is always generate",
    "hf_token": "as the environment variable HF_TOKEN on the machines of the cluster",
}


class VllmSettings(BaseModel):
    """What a file says of the engine.

    Attributes:
        engine: vLLM's engine arguments, as `tensor_parallel_size` or `max_model_len`.
        accelerator_type: Only on such GPUs, as Ray calls them ("H100").
        batch_size: How many requests are handed to an engine at once.
        max_concurrent_batches: How many such batches an engine has at once.
        chat_template: What the model's chat template is given besides the messages (`enable_thinking: false`).
        runtime_env: Ray's runtime environment of the engines, as the packages that they need.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: dict[str, Any] = {}
    accelerator_type: str | None = None
    batch_size: int = Field(64, gt=0)
    max_concurrent_batches: int = Field(8, gt=0)
    chat_template: dict[str, Any] = {}
    runtime_env: dict[str, Any] | None = None


def read_vllm_settings(path: Path) -> VllmSettings:
    """Read a file in YAML or TOML.

    Raises:
        InputError: it cannot be read, or says what is none of its business.
    """
    file = read_config_file(path)
    try:
        settings = VllmSettings.model_validate(file.given)
    except ValidationError as error:
        raise _unfit(error, file.place) from None
    for name, how in ELSEWHERE.items():
        if name in settings.engine:
            raise InputError(
                "is not said here", where=file.place(f"engine.{name}"), remedy=f"It is said {how}."
            )
    return settings


def processor_config(model: str, settings: VllmSettings, pool: Pool) -> Any:
    """Return Ray's configuration of the processor.

    Args:
        model: Name on the Hugging Face Hub, or a folder that all machines of the cluster see.
        settings: See `VllmSettings`.
        pool: How many engines.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: Ray does not take it.
    """
    llm = require("ray.data.llm", extra="ray", purpose="--vllm")
    try:
        return llm.vLLMEngineProcessorConfig(
            model_source=model,
            # Ray writes into it.
            engine_kwargs=dict(settings.engine),
            concurrency=(pool.least or 1, pool.most or pool.least or 1),
            accelerator_type=settings.accelerator_type,
            batch_size=settings.batch_size,
            max_concurrent_batches=settings.max_concurrent_batches,
            runtime_env=settings.runtime_env,
            chat_template_stage={"enabled": True, "chat_template_kwargs": settings.chat_template or None},
            tokenize_stage=True,
            # The engine makes text of its tokens itself.
            detokenize_stage=False,
            # A prompt that is too long fails alone.
            should_continue_on_error=True,
            log_engine_metrics=False,
        )
    except ValidationError as error:
        raise _unfit(error, lambda key: f"--vllm: {key}") from None


def _unfit(error: ValidationError, place: Any) -> InputError:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    what = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
    known = ", ".join(VllmSettings.model_fields)
    return InputError(
        shorten(what.removeprefix("Value error, "), 200), where=place(key), remedy=f"Known: {known}."
    )
