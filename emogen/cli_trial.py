"""What `emogen generate` would ask, without asking: `--show-prompt` and `--dry-run`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from emogen.counting import counted
from emogen.settings import RunSettings
from emogen.terminal import say, show_json, show_remarks

if TYPE_CHECKING:
    from emogen.backends import Backend
    from emogen.instructions import AskedInstruction
    from emogen.journal import Journal
    from emogen.prices import Price
    from emogen.schemas import ImageRecord, Prompt, Usage

__all__ = ["dry_run", "show_prompts"]

SHOWN_PROMPTS: Final = 3
WHY_UNASKED: Final = {
    "no_context": "without a word about the image",
    "unreadable_image": "with an image that cannot be read",
}


def show_prompts(settings: RunSettings, *, as_json: bool = False) -> None:
    """Print what would be asked about the first record of which anything would."""
    from emogen.opening import dataset_of

    render = _prompts(settings)
    for record in dataset_of(settings).records():
        prompts = render(record)
        if not isinstance(prompts, str):
            shown = list(prompts)
            for prompt in shown:
                _print_prompt(prompt)
            if as_json:
                show_json({"prompts": shown})
            return


def dry_run(settings: RunSettings, *, overwrite: bool, as_json: bool = False) -> None:
    """Render every prompt and say what asking them would take; nothing is asked or written."""
    from emogen.opening import dataset_of

    dataset = dataset_of(settings)
    with ExitStack() as opened:
        known = _known(settings, opened, overwrite=overwrite)
        total = _total(settings, dataset.records(), known)
    show_remarks(dataset.remarks())
    say(f"{counted(total.records, 'record')}, {counted(total.requests, 'request')}; nothing was asked")
    for reason, count in total.unasked.items():
        say(f"nothing would be asked about {counted(count, 'record')} {WHY_UNASKED[reason]} ({reason})")
    if total.done or total.answered:
        say(
            f"not counted: {counted(total.done, 'row')} that {settings.out} holds, "
            f"{counted(total.answered, 'answer')} in its journal"
        )
    price = _show_usage(settings, total.usage, known)
    if as_json:
        cost = {"cost": price.of(total.usage), "currency": price.currency} if price else {"cost": None}
        show_json({**vars(total), **cost})


@dataclass
class _Known:
    """What the run folder holds already: rows that are not made again, answers that are not asked for again."""

    done: set[tuple[str, str]] = field(default_factory=set)
    backend: Backend | None = None
    journal: Journal | None = None
    answer_tokens: Mapping[str, float] = field(default_factory=dict)

    def answers(self, prompt: Prompt) -> bool:
        """Whether the journal answers a prompt."""
        from emogen.journal_entry import request_key

        if self.backend is None or self.journal is None:
            return False
        key = request_key(self.backend.model, self.backend.parameters, prompt)
        return self.journal.get(key) is not None

    def usage(self, prompt: Prompt) -> Usage:
        """Return what a request is expected to take, its answer as long as the known ones of its type are."""
        from emogen.estimates import estimated_usage

        estimate = estimated_usage(prompt)
        mean = self.answer_tokens.get(prompt.instruction)
        return estimate if mean is None else estimate.model_copy(update={"completion_tokens": round(mean)})


def _known(settings: RunSettings, opened: ExitStack, *, overwrite: bool) -> _Known:
    """Look into the run folder, if there is one.

    Raises:
        InputError: it holds a run with other settings, and is not to be started anew.
    """
    from emogen.journal import Journal
    from emogen.manifest import manifest_of
    from emogen.opening import backend_of, renderer_of
    from emogen.store import JOURNAL, done_in

    if settings.out is None or not settings.out.is_dir():
        return _Known()
    backend = backend_of(settings, is_trial=True)
    done: set[tuple[str, str]] = set()
    if not overwrite:
        done = done_in(settings.out, manifest_of(settings, backend, renderer_of(settings)))
    if not (settings.out / JOURNAL).is_file():
        return _Known(done)
    journal = opened.enter_context(Journal(settings.out / JOURNAL))
    return _Known(done, backend, journal, journal.mean_answer_tokens())


@dataclass
class _Total:
    """What a run would take.

    Attributes:
        records: Records read.
        requests: First requests, corrections not counted.
        done: Rows that are there already, of the types that ask a model.
        answered: Requests that the journal answers.
        unasked: Records that nothing would be asked about, by reason.
        usage: Tokens of the requests.
    """

    usage: Usage
    records: int = 0
    requests: int = 0
    done: int = 0
    answered: int = 0
    unasked: Counter[str] = field(default_factory=Counter)


def _total(settings: RunSettings, records: Iterator[ImageRecord], known: _Known) -> _Total:
    """Count what would be asked, and print the first prompts."""
    from emogen.schemas import Usage

    total = _Total(Usage())
    render = _prompts(settings, known.backend)
    prompt_tokens = answer_tokens = 0
    for record in records:
        total.records += 1
        prompts = render(record)
        if isinstance(prompts, str):
            total.unasked[prompts] += 1
            continue
        for prompt in prompts:
            if (record.id, prompt.instruction) in known.done:
                total.done += 1
            elif known.answers(prompt):
                total.answered += 1
            else:
                if total.requests < SHOWN_PROMPTS:
                    _print_prompt(prompt)
                total.requests += 1
                usage = known.usage(prompt)
                prompt_tokens += usage.prompt_tokens
                answer_tokens += usage.completion_tokens
    total.usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=answer_tokens)
    return total


def _show_usage(settings: RunSettings, usage: Usage, known: _Known) -> Price | None:
    """Say what is expected; return the price, where it is known."""
    from emogen.prices import price_of

    how = "as long as those in the journal" if known.answer_tokens else "of a usual length"
    say(
        f"about {usage.prompt_tokens:,} prompt tokens and {usage.completion_tokens:,} answer tokens, "
        f"if answers are {how} and none is corrected"
    )
    model = (settings.backend or "").partition(":")[2] or settings.backend or ""
    price = price_of(model, settings.prices)
    if price is None:
        say(f"cost unknown: no price for {model or 'no model'}; give one with --prices FILE")
        return None
    say(f"about {price.of(usage):.2f} {price.currency} (prices as of {price.as_of})")
    return price


def _prompts(
    settings: RunSettings, backend: Backend | None = None
) -> Callable[[ImageRecord], Iterator[Prompt] | str]:
    """Return what renders the prompts of a record, or says why nothing would be asked.

    Without an opened backend they are what it would most likely be asked.
    """
    from emogen.backends import wants_json
    from emogen.errors import InputError
    from emogen.judging import instruction
    from emogen.opening import backend_options, renderer_of, sight_of

    renderer = renderer_of(settings)
    if backend:
        structured, guided = backend.structured, backend.guided
    else:
        structured, guided = wants_json(settings.backend, backend_options(settings)), True
    asked = [cast("AskedInstruction", kind) for kind in map(instruction, settings.types) if kind.asks_model]
    sight = sight_of(settings)

    def render(record: ImageRecord) -> Iterator[Prompt] | str:
        if asked and sight is None and not renderer.tells_of(record):
            return "no_context"
        try:
            images = (sight.look(record),) if sight else ()
        except InputError:
            return "unreadable_image"
        return (
            kind.prompt(record, renderer, structured=structured, guided=guided, images=images)
            for kind in asked
        )

    return render


def _print_prompt(prompt: Prompt) -> None:
    seeds = ", ".join(prompt.seed_ids) or "none"
    say(f"===== {prompt.instruction}, record {prompt.record_id} (seed examples: {seeds})")
    for message in prompt.messages:
        say(f"--- {message.role}")
        for image in message.images:
            say(f"[the image, as a JPEG of {image.seen.width} x {image.seen.height} pixels]")
        say(message.content)
