"""The price table."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from emogen.errors import InputError
from emogen.prices import price_of
from emogen.schemas import Usage

OWN = 'as_of = 2026-02-03\ncurrency = "EUR"\n[per_million]\n"mine" = [2, 4.0]\n"gpt-4o" = [0, 0]\n'


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(OWN)
    return path


def test_a_price() -> None:
    """A price is for a million tokens of each kind, with its day and currency."""
    price = price_of("gpt-4")
    assert price is not None
    assert price.of(Usage(prompt_tokens=1_000_000, completion_tokens=500_000)) == 60.0
    assert (price.currency, type(price.as_of)) == ("USD", dt.date)


@pytest.mark.parametrize(
    ("model", "same_as"),
    [("gpt-4o-2024-08-06", "gpt-4o"), ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"), ("gpt-4.1", "gpt-4.1")],
)
def test_dated_snapshots(model: str, same_as: str) -> None:
    """A dated snapshot costs what its own family costs, not what a family with a shorter name does."""
    assert price_of(model) == price_of(same_as) is not None
    assert price_of("gpt-4o") != price_of("gpt-4o-mini")


@pytest.mark.parametrize("model", ["", "gpt", "gpt-4o-audio", "llama3", "gpt-4x"])
def test_unknown_models(model: str) -> None:
    """What is not in the table has no price: no price is guessed from a similar name."""
    assert price_of(model) is None


def test_ones_own_table(own: Path) -> None:
    """The user's table goes before the bundled one, which still serves what it does not name."""
    mine, free, bundled = (price_of(name, own) for name in ("mine", "gpt-4o", "gpt-4"))
    assert mine is not None
    assert free is not None
    assert mine.of(Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)) == 6.0
    assert (mine.currency, mine.as_of) == ("EUR", dt.date(2026, 2, 3))
    assert free.of(Usage(prompt_tokens=5, completion_tokens=5)) == 0
    assert bundled == price_of("gpt-4")


def test_the_price_in_a_batch(own: Path) -> None:
    """A batch costs half, unless the user's table says otherwise; of an already reduced price nothing is taken off."""
    used = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)
    bundled, mine = price_of("gpt-4"), price_of("mine", own)
    assert bundled is not None
    assert mine is not None
    assert bundled.in_batch().of(used) == bundled.of(used) / 2
    assert mine.in_batch().of(used) == 3.0
    assert mine.in_batch().in_batch() == mine.in_batch()
    own.write_text(OWN.replace("[per_million]", "batch_share = 0.6\n[per_million]"))
    dearer = price_of("mine", own)
    assert dearer is not None
    assert dearer.in_batch().of(used) == pytest.approx(3.6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "cannot be read"),
        (b"as_of = ", "cannot be read"),
        (b"[per_million]", "as_of: Field required"),
        (b"as_of = 2026-01-01\n[per_million]\nm = [1]", "per_million.m.1: Field required"),
        (b"as_of = 2026-01-01\n[per_million]\nm = [1, -1]", "per_million.m.1: "),
        (b"as_of = 2026-01-01\n[per_million]\nm = [nan, 1]", "per_million.m.0: "),
        (b"as_of = 2026-01-01\nextra = 1\n[per_million]", "extra: "),
    ],
)
def test_broken_tables(tmp_path: Path, content: bytes, message: str) -> None:
    """A table that is broken is refused with its place; so are prices that would pay us, or are no number."""
    path = tmp_path / "prices.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        price_of("m", path)
    assert str(refused.value).startswith(f"{path}: {message}")


def test_no_table(tmp_path: Path) -> None:
    """A table that is not there is an error that names it."""
    with pytest.raises(InputError, match=r"nowhere\.toml: cannot be read"):
        price_of("gpt-4", tmp_path / "nowhere.toml")
