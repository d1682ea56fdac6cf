"""Runs the checks over an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, get_args

from emogen.checks import CHECKS, Answer, Check, Score
from emogen.checks.settings import DEFAULT_CHECKS, Action, CheckSettings, OneCheck
from emogen.schemas import TurnKind

__all__ = ["Examination", "Examiner", "Finding"]

_PLACES: Final = (*get_args(TurnKind), None)


class Finding(NamedTuple):
    """A fault, and what it leads to."""

    reason: str
    detail: str
    action: Action


class Examination(NamedTuple):
    """What the checks saw in an answer, in their order, and what they measured, by reason code."""

    findings: Sequence[Finding]
    scores: Mapping[str, float]


class _Step(NamedTuple):
    reason: str
    check: Check
    settings: OneCheck
    actions: Mapping[TurnKind | None, Action]


class Examiner:
    """The checks under one set of settings; what each does for an instruction type is worked out once."""

    def __init__(self, settings: CheckSettings = DEFAULT_CHECKS) -> None:
        self.settings = settings
        self._steps: dict[str, tuple[_Step, ...]] = {}

    def examine(self, answer: Answer) -> Examination:
        """Run every check over `answer`."""
        findings: list[Finding] = []
        scores: dict[str, float] = {}
        for step in self._steps.get(answer.instruction) or self._plan(answer.instruction):
            for seen in step.check(answer, step.settings):
                if isinstance(seen, Score):
                    scores[step.reason] = seen.value
                    continue
                action = step.actions[seen.turn.kind if seen.turn is not None else None]
                if action != "off":
                    findings.append(Finding(step.reason, seen.detail, action))
        return Examination(findings, scores)

    def _plan(self, instruction: str) -> tuple[_Step, ...]:
        steps = []
        for reason in CHECKS.targets():
            settings = self.settings.of(reason)
            actions = {kind: settings.action_on(instruction, kind) for kind in _PLACES}
            if set(actions.values()) != {"off"}:
                steps.append(_Step(reason, CHECKS.get(reason), settings, actions))
        self._steps[instruction] = tuple(steps)
        return self._steps[instruction]
