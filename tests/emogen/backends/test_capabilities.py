from __future__ import annotations

import datetime as dt
import re
import sys

import pytest
from openai_stub import OpenAIStub

from emogen.backends import BackendOptions, open_backend, refuse_blind, wants_json
from emogen.backends.capabilities import (
    Capabilities,
    capabilities,
    model_names,
    provider_of,
    refuse_retired,
    replacements,
)
from emogen.errors import BackendError, InputError, UnknownNameError

LAST_DAY = dt.date(2026, 10, 22)
FIRST_DAY_WITHOUT = dt.date(2026, 10, 23)


def test_a_model_serves_until_its_last_day() -> None:
    """A model is accepted until the day before its retirement, and refused from that day on."""
    refuse_retired("gpt-4", LAST_DAY)
    with pytest.raises(
        BackendError, match=r"gpt-4 .* since 2026-10-23.*gpt-6\.1-sol or gpt-6-luna.*--base-url"
    ):
        refuse_retired("gpt-4", FIRST_DAY_WITHOUT)


def test_no_retired_replacement_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replacement that is itself retired by then is not named."""
    first, second = dt.date(2026, 1, 1), dt.date(2027, 1, 1)
    table = {
        "old": Capabilities(retired=first, replacements=("new", "newer")),
        "new": Capabilities(retired=second),
        "newer": Capabilities(),
    }
    monkeypatch.setattr(sys.modules["emogen.backends.capabilities"], "_table", lambda: table)
    assert replacements("old", first) == ["new", "newer"]
    assert replacements("old", second) == ["newer"]
    with pytest.raises(BackendError, match="Use newer instead"):
        refuse_retired("old", second)


@pytest.mark.parametrize("day", [FIRST_DAY_WITHOUT, dt.date(2027, 1, 14), dt.date(2030, 1, 1)])
def test_every_retired_model_has_a_replacement(day: dt.date) -> None:
    """Whatever the day, each retired model's error names at least one model that is then served."""
    served = model_names(day)
    retired = [name for name in model_names(dt.date(2000, 1, 1)) if name not in served]
    assert retired
    for name in retired:
        assert replacements(name, day)
        assert set(replacements(name, day)) <= set(served)


@pytest.mark.parametrize(
    ("spec", "sees"),
    [
        ("gpt-6.1-sol", True),
        ("openai:gpt-4o-2024-08-06", True),
        ("openai:a-model-of-ones-own", True),
        ("scripted:answers.jsonl", True),
        ("openai:gpt-4-0613", False),
        ("embedded", False),
    ],
)
def test_who_sees(spec: str, sees: bool) -> None:
    """A model that is known to take no images is refused before anything is opened; an unknown one is tried."""
    if sees:
        refuse_blind(spec)
    else:
        with pytest.raises(
            InputError, match=r"--see: .*takes no images. Leave it out, or name a model that sees"
        ):
            refuse_blind(spec)


def test_a_retired_model_is_not_asked(stub: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retired model is refused before a key is looked for or anything sent; a server of one's own may have it."""
    monkeypatch.setattr("emogen.backends.server.DEFAULT_BASE_URL", stub.url)
    with pytest.raises(BackendError, match="gpt-4 has not been served"):
        open_backend("gpt-4")
    assert stub.bodies == []
    assert open_backend("gpt-4", BackendOptions(base_url=stub.url)).model == "gpt-4"


@pytest.mark.parametrize(
    ("snapshot", "family"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
    ],
)
def test_a_snapshot_is_of_its_family(snapshot: str, family: str) -> None:
    """A dated snapshot takes what its family takes, and can be named without its backend."""
    assert capabilities(snapshot) == capabilities(family)
    assert provider_of(snapshot) == "openai"


def test_an_unknown_model_is_taken_to_accept_everything() -> None:
    """A model that the table does not know gets the defaults, and no backend by its name alone."""
    assert capabilities("llama-3") == capabilities("anything")
    assert capabilities("gpt-4ever").retired is None
    with pytest.raises(UnknownNameError, match=re.escape("unknown backend or model 'gpt-4ever'")):
        open_backend("gpt-4ever")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("embedded", True),
        ("openai:gpt-4", True),
        ("gpt-4", True),
        ("gpt-6-luna", True),
        ("scripted:a.jsonl", False),
        (None, False),
    ],
)
def test_whether_json_is_asked_for(spec: str | None, expected: bool) -> None:
    """Which form of prompt a backend gets is known without opening it."""
    assert wants_json(spec, BackendOptions()) is expected
    assert wants_json(spec, BackendOptions(answer_format="text")) is False
