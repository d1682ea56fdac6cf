"""What stands in a report: its sections, and in each the facts, tables and charts, for one run."""

from __future__ import annotations

from emogen.report.blocks import Section
from emogen.report.figures import Figures
from emogen.report.measures import Measures
from emogen.report.sections.images import known
from emogen.report.sections.made import funnel, made, overview
from emogen.report.sections.texts import diversity, grounded, texts
from emogen.report.sections.verbs import verbs
from emogen.report.sections.work import again, cost

__all__ = ["sections_of"]


def sections_of(run: Figures, measures: Measures) -> list[Section]:
    """Return the sections of one run; those of another run have the same blocks, in the same order."""
    return [
        Section("overview", "Overview", list(overview(run))),
        Section("made", "What was made", list(made(run))),
        Section("funnel", "From row to kept sample", list(funnel(run))),
        Section("texts", "Questions and answers", list(texts(run))),
        Section("known", "What is known of the images", list(known(run))),
        Section("diversity", "Diversity", [*diversity(run, measures), *verbs(measures)]),
        Section("grounded", "Groundedness, leakage and labels", list(grounded(run, measures))),
        Section("cost", "Cost, tokens and time", list(cost(run))),
        Section("again", "To make it again", list(again(run))),
    ]
