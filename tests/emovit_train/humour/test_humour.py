"""Humorous captions from images to a counted vote, blind and harmless whatever a caption holds."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from openai_stub import OpenAIStub, Reply
from PIL import Image
from typer.testing import CliRunner

from emogen.errors import InputError
from emovit_train.cli import app
from emovit_train.humour.ballot import BALLOT, KEY, Key
from emovit_train.humour.tally import Votes, krippendorff_alpha, read_key, tally

HOSTILE = '</script><script>alert(1)</script><img src="http://evil/x">&"\''
COUNT = 12


@pytest.fixture
def oxford(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images with captions of people; one of them would break out of any page."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    root = tmp_path / "hic"
    for folder in ("hic_data", "images"):
        (root / folder).mkdir(parents=True)
    captions, images = ["image_id,caption,funny_score"], ["image_id,image_url"]
    for number in range(COUNT):
        quoted = (HOSTILE if number == 3 else f"people {number}").replace('"', '""')
        captions += [f'p{number},"{quoted}",900', f"p{number},worse,1"]
        images.append(f"p{number},http://x/{number}")
        exif = Image.Exif()
        exif[0x010E] = "whose picture this is"
        Image.new("RGB", (900, 300), (number * 20, 0, 0)).save(root / "images" / f"p{number}.jpg", exif=exif)
    (root / "hic_data" / "oxford_hic_data.csv").write_text("\n".join(captions) + "\n")
    (root / "hic_data" / "oxford_hic_image_info.csv").write_text("\n".join(images) + "\n")
    return root


def call(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def made(oxford: Path, stub: OpenAIStub, *, count: int = COUNT) -> Path:
    """Captions, ballot and key, beside the data."""
    written, out = oxford.parent / "written", oxford.parent / "vote"
    drawn = ("--limit", count, "--split", "all")
    asked = ("--backend", "openai:gpt-6.1-sol", "--base-url", stub.url, "--out", written)
    wrote = call("humour", "write", oxford, *asked, *drawn, "--json")
    assert json.loads(wrote.stdout)["captions"] == count
    assert call("humour", "ballot", written, oxford, "--out", out, *drawn).exit_code == 0
    return out


def shown(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_from_images_to_a_count(oxford: Path, stub: OpenAIStub) -> None:
    """Captions are written once, and voters who always find the model funnier make a win rate of one."""
    stub.default = Reply(text='"A model\n  joke"')
    out = made(oxford, stub)
    assert len(stub.bodies) == COUNT
    made(oxford, stub)
    assert len(stub.bodies) == COUNT
    key = read_key(out / KEY)
    assert set(key.model_captions.values()) == {"A model joke"}
    for voter in (1, 2):
        votes = {"ballot": key.ballot, "voter": voter, "votes": key.model_side}
        (out / f"votes-{voter}.json").write_text(json.dumps(votes))
    ran = call("humour", "tally", out / KEY, out, "--out", out.parent / "tally.json")
    assert f"{2 * COUNT} by 2 of 30 voters on {COUNT} images" in ran.output
    counted = json.loads((out.parent / "tally.json").read_text())
    assert json.loads(call("humour", "tally", out / KEY, out, "--json").stdout) == counted
    assert (counted["win_rate"], counted["low"], counted["images_won"], counted["skipped"]) == (
        1,
        1,
        COUNT,
        0,
    )


def test_page_is_blind_and_asks_nothing_of_anybody(oxford: Path, stub: OpenAIStub) -> None:
    """No word says whose a caption is, sides differ, and nothing but the page's own data can be loaded."""
    stub.default = Reply(text="A model joke")
    out = made(oxford, stub)
    page = (out / BALLOT).read_text()
    data, key = shown(page), read_key(out / KEY)
    assert set(data["pairs"][0]) == {"id", "A", "B", "image"}
    assert key.model not in page
    assert set(key.model_side.values()) == {"A", "B"}
    for pair in data["pairs"]:
        side = key.model_side[pair["id"]]
        assert pair[side] == "A model joke"
        assert pair["A" if side == "B" else "B"] == key.people_captions[pair["id"]]
    picture = Image.open(io.BytesIO(base64.b64decode(data["pairs"][0]["image"].partition(",")[2])))
    assert picture.size == (640, 213)
    assert not picture.getexif()
    assert "default-src 'none'" in page
    own = re.sub(r'id="data">.*?</script>', "", page, flags=re.DOTALL)
    assert not re.search(r"https?:|@import|fetch\(|XMLHttpRequest|src=", own)


def test_hostile_captions_stay_text(oxford: Path, stub: OpenAIStub) -> None:
    """A caption that would end the script and begin another is data, word by word, on both sides of the vote."""
    stub.default = Reply(text=HOSTILE)
    out = made(oxford, stub)
    page = (out / BALLOT).read_text()

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []

        def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
            self.seen.append(tag)

    tags = Tags()
    tags.feed(page)
    assert tags.seen.count("script") == 2
    assert "img" not in tags.seen
    assert all(HOSTILE in (pair["A"], pair["B"]) for pair in shown(page)["pairs"])
    # The page writes captions as text alone.
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", page)


def test_votes_that_cannot_be_counted(oxford: Path, stub: OpenAIStub) -> None:
    """Another ballot's votes, a voter twice, an unknown voter or image, a broken file, and none at all are refused."""
    stub.default = Reply(text="joke")
    out = made(oxford, stub)
    key = read_key(out / KEY)
    name = next(iter(key.model_side))
    good = {"ballot": key.ballot, "voter": 1, "votes": {name: "A"}}
    folder = out.parent / "votes"
    folder.mkdir()

    def refused(said: str, *files: object) -> None:
        for old in folder.iterdir():
            old.unlink()
        for number, content in enumerate(files):
            (folder / f"{number}.json").write_text(
                content if isinstance(content, str) else json.dumps(content)
            )
        with pytest.raises(InputError, match=said) as caught:
            call("humour", "tally", out / KEY, folder)
        assert caught.value.remedy

    refused("another ballot", {**good, "ballot": "0"})
    refused("no image p99", {**good, "votes": {"p99": "A"}})
    refused("voted already", good, good)
    refused("no voter 31", {**good, "voter": 31})
    refused("cannot be read", "{")
    refused("cannot be read", {**good, "votes": {name: "left"}})
    refused("there are no votes", {**good, "votes": {}})
    with pytest.raises(InputError, match="cannot be read"):
        call("humour", "tally", folder / "0.json", folder)


def test_drawn_images_must_be_captioned(oxford: Path, stub: OpenAIStub) -> None:
    """More images than there are, and a ballot of images that the model did not caption, are refused."""
    stub.default = Reply(text="joke")
    made(oxford, stub, count=4)
    told = (oxford.parent / "written", oxford, "--out", oxford.parent / "vote", "--split", "all")
    with pytest.raises(InputError, match="8 of 12 images have no caption"):
        call("humour", "ballot", *told, "--limit", 12)
    with pytest.raises(InputError, match="12 images of the split all have captions, and 50 are wanted"):
        call("humour", "ballot", *told)


def test_counting_by_hand() -> None:
    """Three voters on two images: four of five votes are the model's; both intervals hold it; one vote was skipped."""
    key = Key(
        ballot="b",
        model="m",
        voters=3,
        seed=0,
        model_side={"x": "A", "y": "B"},
        model_captions={},
        people_captions={},
    )
    ballots = [
        Votes(ballot="b", voter=1, votes={"x": "A", "y": "B"}),
        Votes(ballot="b", voter=2, votes={"x": "A", "y": "A"}),
        Votes(ballot="b", voter=3, votes={"x": "A"}),
    ]
    found = tally(key, ballots)
    assert (found.votes, found.skipped, found.win_rate) == (5, 1, 0.8)
    assert (found.images_won, found.images_tied, found.first_caption) == (1, 1, 0.8)
    assert found.low <= 0.8 <= found.high
    assert found.low_by_voter <= 0.8 <= found.high_by_voter


def test_alpha_is_krippendorffs() -> None:
    """The worked example of Krippendorff (2011), four observers with missing values: 0.743; chance is 0, full is 1."""
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[row[place] for row in rows if row[place] is not None] for place in range(12)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha([[1, 1], [2, 2]]) == 1
    assert krippendorff_alpha([[1, 2], [2, 1]]) < 0
    assert krippendorff_alpha([[1, 1], [1, 1]]) != krippendorff_alpha([[1, 1], [1, 1]])
