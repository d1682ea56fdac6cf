"""What a description is told, and the models that it opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emogen.comma_list import comma_list
from emogen.errors import InputError, UnknownNameError, shorten
from emogen.perception import ATTRIBUTES, Stage
from emogen.settings import RunSettings

__all__ = ["API", "Plan", "fields_by_model", "read_attributes", "read_thresholds", "stages_of"]

# What marks a model that is asked over a backend, in place of a checkpoint that is loaded here.
API: Final = "api:"


@dataclass(frozen=True)
class Plan:
    """What is to be said of images, and by whom.

    Attributes:
        settings: How a backend is asked: its address, limits, prices, and the size of the images that it is shown.
        objects: Whether EfficientNet-Lite0 names objects where no tagger does.
        captioner: A checkpoint, or `api:` and a backend; None leaves captions alone.
        caption_prompt: What the caption goes on from, or is to be.
        tagger: The same for attributes.
        attributes: Which of them the tagger names.
        emotion: Whether it names the emotion, too, where there is no label.
        thresholds: Field → least share of a zero-shot value, instead of the bundled ones.
        calibrate: Annotated images, or a saved map, for brightness and colorfulness.
        device: Where local models run; None chooses.
        dtype: Their number format; None chooses.
        batch_size: How many images a local model is given at once.
        yes: Download models of the Hub without asking.
    """

    settings: RunSettings
    objects: bool = True
    captioner: str | None = None
    caption_prompt: str | None = None
    tagger: str | None = None
    attributes: tuple[str, ...] = ATTRIBUTES
    emotion: bool = False
    thresholds: dict[str, float] | None = None
    calibrate: str | None = None
    device: str | None = None
    dtype: str | None = None
    batch_size: int = 16
    yes: bool = False

    def __post_init__(self) -> None:
        if self.emotion and self.tagger is None:
            raise InputError(
                "nobody is there to name it", where="--emotion", remedy="Name a model: --tagger."
            )
        if self.caption_prompt and self.captioner is None:
            raise InputError("nobody writes captions", where="--caption-prompt", remedy="Name a --captioner.")

    @property
    def tagged(self) -> tuple[str, ...]:
        """What the tagger is to name."""
        return (*self.attributes, *(("emotion",) if self.emotion else ()))


def read_attributes(text: str) -> tuple[str, ...]:
    """Return the attributes that a text names, separated by commas; `none` names none.

    Raises:
        UnknownNameError: one is not known.
    """
    names = tuple(dict.fromkeys(comma_list(text)))
    for name in names:
        if name not in (*ATTRIBUTES, "none"):
            raise UnknownNameError("attribute", name, (*ATTRIBUTES, "none"), where="--attributes")
    return tuple(name for name in names if name != "none")


def read_thresholds(text: str) -> dict[str, float]:
    """Return what `scene=0.3,object=0.1` says.

    Raises:
        InputError: it cannot be read.
    """
    read = {}
    for part in comma_list(text):
        name, _, number = part.partition("=")
        if name not in (*ATTRIBUTES, "emotion"):
            raise UnknownNameError("attribute", name, (*ATTRIBUTES, "emotion"), where="--thresholds")
        try:
            read[name] = float(number)
        except ValueError:
            read[name] = -1.0
        if not 0 <= read[name] <= 1:
            raise InputError(
                f"not a share from 0 to 1: {shorten(part)}",
                where="--thresholds",
                remedy="Write it as scene=0.3,object=0.1.",
            )
    return read


def stages_of(plan: Plan) -> list[Stage]:
    """Load the models that run in this process.

    Raises:
        EmovitError: one cannot be loaded.
    """
    stages: list[Stage] = []
    captions, tags = (spec and not spec.startswith(API) for spec in (plan.captioner, plan.tagger))
    if captions or tags:
        from emogen.perception.checkpoint import choose_machine, download

        machine = choose_machine(plan.device, plan.dtype)
    if captions and plan.captioner:
        from emogen.perception.captioner import KIND, Captioner

        download(plan.captioner, KIND, machine, yes=plan.yes)
        stages.append(Captioner(plan.captioner, machine, plan.caption_prompt))
    if tags and plan.tagger:
        from emogen.perception.tagger import KIND as TAGGER_KIND
        from emogen.perception.tagger import Tagger

        download(plan.tagger, TAGGER_KIND, machine, yes=plan.yes)
        stages.append(Tagger(plan.tagger, machine, plan.tagged, plan.thresholds))
    if plan.objects and not (plan.tagger and "object" in plan.attributes):
        from emogen.perception.objects import ObjectClassifier

        stages.append(ObjectClassifier())
    return stages


def fields_by_model(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return backend → what it is asked for; a model is asked once about an image, for all that it is to say."""
    asked: dict[str, tuple[str, ...]] = {}
    for spec, fields in ((plan.captioner, ("caption",)), (plan.tagger, plan.tagged)):
        if spec and spec.startswith(API):
            name = spec.removeprefix(API)
            asked[name] = (*asked.get(name, ()), *fields)
    return asked
