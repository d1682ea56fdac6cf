"""What is looked at while a model trains: the held-out loss, and what it says to the sample questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emogen.atomic import replacing_folder
from emovit_train.checkpoint import save_checkpoint
from emovit_train.saving import BEST

if TYPE_CHECKING:
    from emovit_train.metrics import Metrics
    from emovit_train.run import Run

__all__ = ["look"]


def look(run: Run, step: int, best: float | None, metrics: Metrics) -> tuple[float | None, float | None]:
    """Measure and ask; keep the checkpoint where it is the best so far and that is asked for.

    Leaves the model in evaluation mode.

    Args:
        run: What is trained.
        step: Steps done.
        best: Lowest held-out loss so far.
        metrics: Where the answers go.

    Returns:
        The held-out loss and the lowest one; None without held-out rows.
    """
    run.model.eval()
    metrics.answers(
        [
            {"step": step, "image": row.image.name, "question": row.question, "answer": answer}
            for row, answer in zip(run.asked, run.answers(), strict=True)
        ]
    )
    loss = run.held_out_loss()
    if loss is None or (best is not None and loss >= best):
        return loss, best
    if run.settings.keep_best:
        with replacing_folder(run.out / BEST) as folder:
            save_checkpoint(folder, run.model, run.trained_images(), run.provenance(step))
    return loss, loss
