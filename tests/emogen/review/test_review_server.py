"""The page answers this machine's own page alone, and shows what the data say without running it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from PIL import Image

from benchmarks.report.made_run import rows, write_run
from emogen.errors import InputError
from emogen.judging import Judge
from emogen.review.desk import Desk
from emogen.review.guard import Address, listening
from emogen.review.queue import Wanted, queue_of
from emogen.review.server import application
from emogen.reviews import REVIEWS, Reviews

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x00"


class Client:
    def __init__(self, session: ClientSession, address: Address) -> None:
        self.session = session
        self.address = address
        self.origin = address.url.split("/", 3)[2]

    async def get(self, path: str, **headers: str) -> tuple[int, Any, bytes]:
        async with self.session.get(self.address.url + path, headers=headers) as got:
            return got.status, got.headers, await got.read()

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        said = {"Origin": f"http://{self.origin}", "Content-Type": "application/json"} | headers
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(self.address.url + path, data=data, headers=said) as got:
            text = await got.text()
            return got.status, json.loads(text) if text.startswith("{") else text


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = write_run(tmp_path / "run", rows(8))
    (tmp_path / "photos").mkdir()
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    Image.new("RGB", (3000, 1500), "green").save(tmp_path / "photos/amusement_000000.jpg", exif=exif)
    (tmp_path / "photos/anger_000001.jpg").write_text("<svg onload=alert(1)>")
    return folder


@pytest.fixture
async def client(run: Path) -> AsyncIterator[Client]:
    opened = listening(0)
    address = Address(opened.getsockname()[1])
    with queue_of(run, Wanted()) as queue:
        desk = Desk(run, queue, Reviews(), Judge(), "ann")
        runner = web.AppRunner(application(desk, address, run.parent), access_log=None)
        await runner.setup()
        await web.SockSite(runner, opened).start()
        async with ClientSession() as session:
            yield Client(session, address)
        await runner.cleanup()


async def test_only_our_own_page_is_answered(client: Client, run: Path) -> None:
    """No token, another host or another origin: refused, whatever is asked, and nothing is written."""
    ours = {"position": 0, "decision": "accept"}
    port = client.origin.split(":")[1]
    assert (await client.get(""))[0] == 200
    assert (await client.get("", Host=f"localhost:{port}"))[0] == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port}.evil.example", ""):
        assert (await client.get("state", Host=host))[0] in (400, 403)
        assert (await client.post("decisions", ours, Host=host))[0] in (400, 403)
    for origin in ("http://evil.example", "null", "", f"https://{client.origin}", f"http://localhost:{port}"):
        assert (await client.post("decisions", ours, Origin=origin))[0] == 403
        assert (await client.post("undo", {}, Origin=origin))[0] == 403
    assert (await client.post("decisions", ours, **{"Content-Type": "text/plain"}))[0] == 415
    for path in ("/", "/state", "/decisions", client.address.prefix[:-2] + "/state", "/../state"):
        async with client.session.get(f"http://{client.origin}{path}") as got:
            assert got.status == 403
    assert not (run / REVIEWS).exists()


async def test_a_browser_is_led_to_the_page_once(client: Client) -> None:
    """What a browser is started with stands in the list of processes: it is worth nothing afterwards."""
    opening = client.address.opening
    assert client.address.prefix not in opening
    for host, status in (("evil.example", 403), (client.origin, 303), (client.origin, 403)):
        async with client.session.get(opening, headers={"Host": host}, allow_redirects=False) as got:
            assert got.status == status
            assert got.headers.get("Location", client.address.prefix) == client.address.prefix


async def test_every_answer_forbids_what_is_foreign(client: Client) -> None:
    """Page, data, pictures and refusals carry the policy; the page itself holds no script of its own, and no data."""
    for path in ("", "state", "samples/0", "images/0", "images/999", "nowhere"):
        _, headers, _ = await client.get(path)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
    _, headers, page = await client.get("")
    assert re.findall(rb"<script[^>]*>(.*?)</script>", page) == [b""]
    assert b" style=" not in page
    assert not re.search(rb"\son\w+=", page)
    _, headers, script = await client.get("review.js")
    for sink in (b"innerHTML", b"insertAdjacentHTML", b"outerHTML", b"eval(", b"document.write"):
        assert sink not in script


async def test_hostile_words_are_data(client: Client, run: Path) -> None:
    """What the data say comes as JSON, with steering characters shown as escapes; what is edited comes as it is."""
    path = run / "samples.jsonl"
    row = json.loads(path.read_text().splitlines()[0])
    row["record"] |= {"caption": EVIL, "emotion": EVIL, "labels": [EVIL, "b"]}
    row["turns"] = [{"question": EVIL, "answer": EVIL, "kind": "reasoning"}]
    line = json.dumps(row)
    path.write_text(line + "\n")
    with queue_of(run, Wanted()) as queue:
        seen = Desk(run, queue, Reviews(), Judge(), "ann").view(0)
    assert "\u202e" not in seen["caption"] + seen["emotion"] + seen["turns"][0]["answer"]
    assert "\\u202e" in seen["caption"]
    assert seen["turns"][0]["raw_answer"] == EVIL
    _, headers, _ = await client.get("samples/0")
    assert headers["Content-Type"].startswith("application/json")


async def test_pictures_are_small_copies(client: Client) -> None:
    """They are JPEGs without metadata, whatever the file says it is; what is none is an error in words."""
    status, headers, body = await client.get("images/0")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    picture = Image.open(io.BytesIO(body))
    assert picture.size == (1024, 512)
    assert not picture.getexif()
    assert b"secret" not in body
    status, headers, body = await client.get("images/2")
    assert status == 404
    assert body == b"not an image, or a damaged one"
    assert headers["Content-Type"].startswith("text/plain")
    assert (await client.get("images/4"))[2] == b"the image file is missing"


async def test_decisions_are_on_the_disk_before_the_page_knows(client: Client, run: Path) -> None:
    """Each answer says what comes next; faults say where, and keep nothing; nonsense is refused."""
    status, said = await client.post("decisions", {"position": 0, "decision": "reject", "reason": "leak"})
    assert (status, said["next"], said["progress"]["decided"]) == (200, 1, 1)
    (line,) = (run / REVIEWS).read_text().splitlines()
    assert json.loads(line)["reason"] == "leak"
    turns = [["Why?", ""]]
    status, said = await client.post("decisions", {"position": 1, "decision": "edit", "turns": turns})
    assert status == 422
    assert said["faults"] == [{"text": "must not be empty", "turn": 0, "field": "answer", "final": True}]
    assert (await client.post("undo", {}))[1]["position"] == 0
    assert (await client.post("decisions", {"position": 99, "decision": "accept"}))[0] == 404
    for nonsense in (
        b"",
        b"{",
        b"[]",
        {"position": 0},
        {"position": 0, "decision": "none"},
        b'{"a": "\\ud800"}',
    ):
        assert (await client.post("decisions", nonsense))[0] == 400
    assert len((run / REVIEWS).read_text().splitlines()) == 2


async def test_a_full_disk_and_a_new_run_are_said(
    client: Client, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither counts as decided, and both say what to do."""
    ours = {"position": 0, "decision": "accept"}

    def full(*_: object) -> None:
        raise InputError("cannot be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("emogen.review.desk.append_review", full)
        status, said = await client.post("decisions", ours)
        assert (status, said["error"]) == (507, "cannot be written: No space left on device.")
    (run / "samples.jsonl").unlink()
    status, said = await client.post("decisions", ours)
    assert status == 409
    assert "start it again" in said["error"]
    assert json.loads((await client.get("state"))[2])["progress"]["decided"] == 0


def test_browsers_leave_out_the_port_of_the_scheme() -> None:
    """A page at port 80 is asked for without it."""
    assert Address(80).hosts == {"127.0.0.1", "localhost"}
    assert Address(81).hosts == {"127.0.0.1:81", "localhost:81"}


def test_a_port_that_is_taken_is_an_error() -> None:
    """It names the option."""
    with listening(0) as taken, pytest.raises(InputError, match="--port"):
        listening(taken.getsockname()[1])
