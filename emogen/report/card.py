"""A dataset card for the Hugging Face Hub: what a run's data are, where they are from, and what they are not for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import jinja2
import orjson

from emogen.registry import require
from emogen.report.contamination import Overlap
from emogen.report.figures import Figures
from emogen.report.markdown import fenced, inert
from emogen.report.rows import SampleRow

__all__ = ["CardOptions", "card_of"]

# As the Hub sorts them: up to so many rows, exclusive.
_SIZES: Final = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)
# What the Hub knows by name, of the licences that data and photographs usually have; others are "other".
_LICENSES: Final = frozenset(
    """
    apache-2.0 mit bsd bsd-2-clause bsd-3-clause cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0
    cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
    cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 odbl odc-by pddl gfdl
    gpl-3.0 lgpl-3.0 agpl-3.0 mpl-2.0 openrail c-uda unlicense wtfpl unknown other
    """.split()  # noqa: SIM905 - shorter than a list of literals
)
_FROM_MANIFEST: Final = (
    *("created", "state", "notice", "records", "records_sha256", "backend", "model", "parameters"),
    *("templates", "seeds", "seed", "versions", "git_revision"),
)
_EXAMPLE_CHARACTERS: Final = 20_000


@dataclass(frozen=True)
class CardOptions:
    """What a run cannot know of its data.

    Attributes:
        name: What the data set is called.
        text_license: Of the questions and answers, as the Hub calls it (`cc-by-nc-4.0`) or in words; None: not said.
        image_license: Of the images.
        image_source: Where the images are from, in words.
        language: Of the texts, as ISO 639 calls it.
        overlaps: What the run has in common with test lists.
    """

    name: str
    text_license: str | None = None
    image_license: str | None = None
    image_source: str | None = None
    language: str = "en"
    overlaps: Sequence[Overlap] = ()


def card_of(figures: Figures, example: SampleRow | None, options: CardOptions) -> str:
    """Return the card: YAML front matter and Markdown, in which foreign text is inert.

    Args:
        figures: Of the run.
        example: A sample to show.
        options: What the run cannot know.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
    """
    require("huggingface_hub", extra="report", purpose="A dataset card")
    from huggingface_hub import DatasetCardData

    front = DatasetCardData(**_front_matter(figures, options))
    environment = jinja2.Environment(
        finalize=inert,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    source = files("emogen.report").joinpath("templates/card.md.j2").read_text(encoding="utf-8")
    body = environment.from_string(source).render(
        run=figures,
        options=options,
        made={**dict.fromkeys(_FROM_MANIFEST), **figures.manifest},
        emotions=sorted({emotion for counts in figures.kept.values() for emotion in counts}),
        example=fenced(_shown(example), "json") if example else None,
        total=figures.samples + figures.rejected,
    )
    return f"---\n{front.to_yaml()}\n---\n\n{body}"


def _front_matter(figures: Figures, options: CardOptions) -> dict[str, Any]:
    said = list(dict.fromkeys(filter(None, [options.text_license, options.image_license])))
    known = all(license in _LICENSES for license in said)
    named = (
        {} if known else {"license_name": re.sub(r"[^a-z0-9]+", "-", " and ".join(said).lower()).strip("-")}
    )
    licenses = (said if len(said) > 1 else said[0]) if said else "unknown"
    return {
        "pretty_name": " ".join(options.name.split()),
        "language": [options.language],
        "license": licenses if known else "other",
        **named,
        "task_categories": ["visual-question-answering", "image-text-to-text", "image-classification"],
        "size_categories": [next((name for above, name in _SIZES if figures.samples < above), "10M<n<100M")],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "multilinguality": ["monolingual"],
        "tags": ["emotion", "affective-computing", "visual-instruction-tuning", "synthetic", "emovit"],
    }


def _shown(sample: SampleRow) -> str:
    record = sample.record
    shown = {
        "image": record.image,
        "emotion": record.emotion,
        "caption": record.caption,
        "instruction": sample.instruction,
        "turns": [{"question": turn.question, "answer": turn.answer} for turn in sample.turns],
    }
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()[:_EXAMPLE_CHARACTERS]
