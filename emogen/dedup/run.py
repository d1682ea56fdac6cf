"""Near-duplicates of a run: marked in its samples, or removed to its rejections, in one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from emogen.dedup import METHODS, Method
from emogen.journal import Journal
from emogen.judging import Outcome, instruction
from emogen.marks import marked, removed, unmarked
from emogen.rebuilding import answers
from emogen.schemas import Sample
from emogen.store import JOURNAL, read_rejections, read_samples, rewrite

__all__ = ["Compare", "Report", "dedup", "find"]

Compare = Literal["answers", "questions", "both"]
Key = tuple[str, str]


@dataclass(frozen=True)
class Report:
    """What was found and done.

    Attributes:
        compared: How many samples were compared.
        threshold: The least score.
        clusters: Id of a sample that stays → the ids of its near-duplicates with their scores, in order.
        flagged: How many were flagged.
        removed: How many were removed.
    """

    compared: int
    threshold: float
    clusters: dict[str, list[tuple[str, float]]]
    flagged: int = 0
    removed: int = 0


@dataclass(frozen=True)
class _Found:
    """The near-duplicates of a run: `(record id, instruction)` → (id of the one that stays, score)."""

    compared: int
    matches: dict[Key, tuple[str, float]] = field(default_factory=dict)

    def clusters(self) -> dict[str, list[tuple[str, float]]]:
        clusters: dict[str, list[tuple[str, float]]] = {}
        for key, (kept, score) in sorted(self.matches.items()):
            clusters.setdefault(kept, []).append(("/".join(key), score))
        return dict(sorted(clusters.items()))


def find(
    run: Path,
    method: str = "minhash",
    *,
    opened: Method | None = None,
    compare: Compare = "answers",
    threshold: float | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Report:
    """Find the near-duplicates of a run and change nothing; see `dedup`."""
    opened = opened or METHODS.get(method)()
    limit = opened.threshold if threshold is None else threshold
    found = _found(run, opened, compare, limit, advance)
    return Report(found.compared, limit, found.clusters())


def dedup(
    run: Path,
    method: str = "minhash",
    *,
    opened: Method | None = None,
    compare: Compare = "answers",
    threshold: float | None = None,
    remove: bool = False,
    advance: Callable[[int], None] = lambda count: None,
) -> Report:
    """Find the near-duplicates among a run's samples, and flag or remove them; marks of before are taken off.

    Samples are compared with those of the same instruction type that a model wrote, each as one text; the turns of
    one sample are not compared with each other. Of samples alike the one with the first record id stays, in
    whatever order they came. `emogen.rebuilding.rebuild` brings back all that was removed; what it could not bring
    back, because the journal does not know it, is flagged instead.

    Args:
        run: The run folder.
        method: A name of `METHODS`.
        opened: What does the work of that method, where it is not what `METHODS` has.
        compare: What of a sample is compared.
        threshold: The least score of near-duplicates; None is the method's own.
        remove: Move them to the rejections instead of flagging them.
        advance: Told how many more samples are compared.

    Raises:
        InputError: there is no run with samples, it is open in another process, or it cannot be written.
        MissingExtraError: the method's package is not installed.
    """
    opened = opened or METHODS.get(method)()
    limit = opened.threshold if threshold is None else threshold
    work = _Work(run, opened, compare, limit, advance, remove)
    note = {"method": method, "compare": compare, "threshold": limit, "removed": remove}
    rewrite(run, work.outcomes(), dedup={**note, "versions": dict(opened.versions)})
    return Report(work.found.compared, limit, work.found.clusters(), work.flagged, work.removed)


@dataclass
class _Work:
    """The new rows of a run, made while it is locked."""

    run: Path
    method: Method
    compare: Compare
    threshold: float
    advance: Callable[[int], None]
    remove: bool
    found: _Found = _Found(0)
    flagged: int = 0
    removed: int = 0

    def outcomes(self) -> Iterator[Outcome]:
        self.found = _found(self.run, self.method, self.compare, self.threshold, self.advance)
        known = _raw_answers(self.run, self.found.matches) if self.remove else {}
        for sample in read_samples(self.run):
            key = (sample.record.id, sample.instruction)
            if key not in self.found.matches:
                yield unmarked(sample)
            elif key in known:
                self.removed += 1
                yield removed(unmarked(sample), *self.found.matches[key], known[key])
            else:
                self.flagged += 1
                yield marked(unmarked(sample), *self.found.matches[key])
        yield from read_rejections(self.run)


def _found(
    run: Path, method: Method, compare: Compare, threshold: float, advance: Callable[[int], None]
) -> _Found:
    texts: dict[str, list[tuple[str, str]]] = {}
    for sample in read_samples(run):
        if instruction(sample.instruction).asks_model:
            texts.setdefault(sample.instruction, []).append((sample.record.id, _text(sample, compare)))
    matches: dict[Key, tuple[str, float]] = {}
    for name, rows in sorted(texts.items()):
        # The order of the file is that in which answers came, which differs from run to run.
        rows.sort()
        alike = method.matches([text for _, text in rows], threshold, advance)
        for place, match in alike.items():
            matches[rows[place][0], name] = (f"{rows[match.kept][0]}/{name}", round(match.score, 3))
    return _Found(sum(map(len, texts.values())), matches)


def _text(sample: Sample, compare: Compare) -> str:
    if compare == "both":
        return "\n".join(f"{turn.question}\n{turn.answer}" for turn in sample.turns)
    return "\n".join(turn.answer if compare == "answers" else turn.question for turn in sample.turns)


def _raw_answers(run: Path, wanted: dict[Key, Any]) -> dict[Key, str]:
    """Return the models' answers to the wanted rows, of those that the journal knows."""
    if not (run / JOURNAL).is_file():
        return {}
    with Journal(run / JOURNAL) as journal:
        chains = answers(run, journal)
        return {key: chain[-1].completion.text for key, chain in chains if key in wanted}
