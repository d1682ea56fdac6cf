"""Runs in LAVIS' environment, by its path: trains LAVIS' image encoder and Q-Former with LAVIS' own RunnerBase.

    python -P inside.py JOB     JOB is a folder that `emovit_train.lavis.engine` wrote

Of this project nothing is imported: LAVIS' Python is another, and its libraries are those of 2023. From LAVIS come
the data set, the image processor, the image encoder, the Q-Former, T5, the task, the optimizer, the schedule, the
loop and the checkpoints. Only tokens are ours: `texts.json` has them, so that both engines read the same.

job.json       sizes and settings
start.pth      all weights, in LAVIS' layout
texts.json     [question, answer, instruction ids, prompt ids, answer ids] of every row
metrics.jsonl  written: a line per step
batches/       written: the first steps' pixels, texts and losses
result/        written: LAVIS' checkpoints, one per epoch
"""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def declare_torchvision_operators() -> None:
    """Declare what torchvision expects of its compiled part, where that part does not fit the torch that is here.

    Its wheel on the package index is built for CUDA: beside a CPU build of torch, importing it fails without these.
    """
    spec = find_spec("torchvision")
    assert spec is not None
    assert spec.origin is not None
    try:
        for compiled in Path(spec.origin).parent.glob("_C.*"):
            torch.ops.load_library(str(compiled))
    except OSError:
        arguments = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library = torch.library.Library("torchvision", "DEF")
        library.define(f"nms{arguments}")
        library.define(f"qnms{arguments}")
        declare_torchvision_operators.library = library  # type: ignore[attr-defined]  # must outlive the call


declare_torchvision_operators()

import lavis.common.optims  # noqa: E402, F401 - registers the schedules
from lavis.common.registry import registry  # noqa: E402
from lavis.models.base_model import BaseModel  # noqa: E402
from lavis.models.blip2_models.blip2 import LayerNorm, disabled_train  # noqa: E402
from lavis.models.blip2_models.modeling_t5 import T5Config, T5ForConditionalGeneration  # noqa: E402
from lavis.models.blip2_models.Qformer import BertConfig, BertLMHeadModel  # noqa: E402
from lavis.models.eva_vit import VisionTransformer  # noqa: E402
from lavis.runners import runner_base  # noqa: E402
from lavis.tasks.vqa import VQATask  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402


@registry.register_model("emovit_t5_instruct")
class EmovitT5Instruct(BaseModel):
    """InstructBLIP of LAVIS 1.0.2's parts, which has none itself; tensors are named as in `Blip2T5Instruct`.

    Args:
        job: `job.json`.
        texts: (question, answer) → ids of instruction, prompt and answer.
    """

    def __init__(self, job: dict[str, Any], texts: dict[tuple[str, str], tuple[list[int], ...]]) -> None:
        super().__init__()
        self.texts = texts
        self.pads = job["pads"]
        norm = partial(nn.LayerNorm, eps=job["vision_eps"])
        self.visual_encoder = VisionTransformer(**job["vision"], use_mean_pooling=False, norm_layer=norm)
        self.ln_vision = LayerNorm(self.visual_encoder.num_features)
        self.Qformer = BertLMHeadModel(BertConfig(**job["qformer"]))
        self.Qformer.cls = None
        self.query_tokens = nn.Parameter(torch.zeros(job["query_tokens"]))
        config = T5Config(**job["t5"])
        config.dense_act_fn = job["t5"]["dense_act_fn"]
        self.t5_model = T5ForConditionalGeneration(config)
        self.t5_proj = nn.Linear(self.Qformer.config.hidden_size, config.d_model)
        for name, parameter in self.named_parameters():
            parameter.requires_grad = name.startswith(tuple(job["trained"]))
        self.visual_encoder.eval()
        self.visual_encoder.train = disabled_train

    def forward(self, samples: dict[str, Any]) -> dict[str, Tensor]:
        """Return `loss`, the mean over the answers' tokens of the batch."""
        rows = [self.texts[pair] for pair in zip(samples["text_input"], samples["answer"], strict=True)]
        instruction, prompt, answer = (
            self._padded([row[part] for row in rows], pad) for part, pad in enumerate(self.pads)
        )
        image = self.ln_vision(self.visual_encoder(samples["image"]))
        queries = self.query_tokens.expand(len(image), -1, -1)
        ones = partial(torch.ones, dtype=torch.long, device=self.device)
        seen = self.Qformer.bert(
            instruction[0],
            attention_mask=torch.cat([ones(queries.shape[:2]), instruction[1]], 1),
            query_embeds=queries,
            encoder_hidden_states=image,
            encoder_attention_mask=ones(image.shape[:2]),
            return_dict=True,
        ).last_hidden_state[:, : queries.shape[1]]
        shown = self.t5_proj(seen)
        words = self.t5_model.encoder.embed_tokens(prompt[0])
        loss = self.t5_model(
            inputs_embeds=torch.cat([shown, words], 1),
            attention_mask=torch.cat([ones(shown.shape[:2]), prompt[1]], 1),
            decoder_attention_mask=answer[1],
            labels=answer[0].masked_fill(answer[1] == 0, -100),
            return_dict=True,
        ).loss
        return {"loss": loss}

    def _padded(self, rows: list[list[int]], pad: int) -> tuple[Tensor, Tensor]:
        longest = max(map(len, rows))
        ids = [[*row, *[pad] * (longest - len(row))] for row in rows]
        mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
        return torch.tensor(ids, device=self.device), torch.tensor(mask, device=self.device)


class RecordingTask(VQATask):
    """LAVIS' VQA task, which also notes every step's loss, and keeps the first batches whole."""

    def record_into(self, folder: Path, batches: int, runner: Any) -> None:
        """Say where to."""
        self.folder, self.kept, self.runner = folder, batches, runner
        self.metrics = (folder / "metrics.jsonl").open("w", encoding="utf-8", buffering=1)
        self.step = 0

    def train_step(self, model: nn.Module, samples: dict[str, Any]) -> Tensor:
        """As LAVIS has it."""
        loss: Tensor = super().train_step(model, samples)
        self.step += 1
        lr = self.runner.optimizer.param_groups[0]["lr"]
        entry = {"step": self.step, "epoch": samples["epoch"] + 1, "loss": loss.item(), "lr": lr}
        self.metrics.write(json.dumps(entry) + "\n")
        if self.step <= self.kept:
            texts = {"question": samples["text_input"], "answer": samples["answer"]}
            batch = {"image": samples["image"].cpu(), **texts, **entry}
            torch.save(batch, self.folder / "batches" / f"{self.step:03}.pt")
        return loss


class JobConfig:
    """What LAVIS' builders and runner ask of its `Config`, which would merge COCO's downloads into ours."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.config = OmegaConf.create({name: job[name] for name in ("run", "datasets")})
        self.run_cfg = self.config.run
        self.datasets_cfg = self.config.datasets

    def to_dict(self) -> object:
        """Return plain values: LAVIS writes them into its checkpoints."""
        return OmegaConf.to_container(self.config)


class NoGroup:
    """Stands for torch.distributed in the runner, which waits for other processes even when there are none."""

    @staticmethod
    def barrier() -> None:
        """Wait for nobody."""


def main(folder: Path) -> None:
    """Train as the job says."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    rows = json.loads((folder / "texts.json").read_text("utf-8"))
    torch.manual_seed(job["run"]["seed"])
    torch.set_num_threads(job["threads"])
    config = JobConfig(job)
    model = EmovitT5Instruct(job, {(question, answer): tuple(ids) for question, answer, *ids in rows})
    found = model.load_checkpoint(str(folder / "start.pth"))
    assert not found.missing_keys, f"missing in start.pth: {found.missing_keys}"
    assert not found.unexpected_keys, f"not in LAVIS' model: {found.unexpected_keys}"
    task = RecordingTask.setup_task(config)
    runner_base.dist = NoGroup
    if config.run_cfg.device == "cpu":
        # It copies batches by a CUDA stream.
        runner_base.PrefetchLoader = lambda loader: loader
    runner = runner_base.RunnerBase(config, task, model, task.build_datasets(config), job_id="result")
    # It sets this only where the model has to move to another device.
    runner._wrapped_model = model.to(runner.device)
    (folder / "batches").mkdir(exist_ok=True)
    task.record_into(folder, job["kept_batches"], runner)
    runner.train()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
