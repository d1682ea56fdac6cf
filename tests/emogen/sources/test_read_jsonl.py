from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emogen.errors import InputError, UnknownNameError
from emogen.labels import LABEL_SETS
from emogen.schemas import Attributes, ImageRecord
from emogen.sources.jsonl import read_jsonl

Write = Callable[..., Path]


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        list(read_jsonl(path))
    return str(caught.value)


def test_whole_record(jsonl: Write) -> None:
    """Every field that a record has is read from the line's field of the same name."""
    record = ImageRecord(
        id="a",
        image="a.jpg",
        emotion="joy",
        labels=LABEL_SETS["ekman-6"],
        caption="Zwei Kinder lachen über einen Hund.",
        attributes=Attributes(brightness=0.5, colorfulness=1, scene="park", object=("Dog", "Ball")),
        split="test",
        origin={"caption": "metadata"},
    )
    assert list(read_jsonl(jsonl(record.model_dump_json()))) == [record]


def test_smallest_record(jsonl: Write) -> None:
    """A line needs only the image, and the id is then its path without the suffix."""
    (record,) = read_jsonl(jsonl('{"image": "./holiday/sea.2019.jpg"}'))
    assert record.id == "holiday/sea.2019"
    assert record.labels == LABEL_SETS["mikels-8"]


@pytest.mark.parametrize("labels", ['"ekman-6"', json.dumps(LABEL_SETS["ekman-6"])])
def test_label_set(jsonl: Write, labels: str) -> None:
    """A label set is given by its name or as a list."""
    (record,) = read_jsonl(jsonl(f'{{"image": "a.jpg", "emotion": "joy", "labels": {labels}}}'))
    assert record.labels == LABEL_SETS["ekman-6"]


def test_lazy(jsonl: Write) -> None:
    """A line is read only when its record is asked for."""
    records = read_jsonl(jsonl('{"image": "a.jpg"}', "broken"))
    assert next(records).id == "a"
    with pytest.raises(InputError):
        next(records)


def test_blank_lines_and_byte_order_mark(jsonl: Write) -> None:
    """Blank lines, CRLF and a UTF-8 byte order mark are passed over, and lines keep their numbers."""
    raw = b'\xef\xbb\xbf{"image": "a.jpg"}\r\n\r\n   \n{"image": 1}'
    path = jsonl(raw=raw)
    records = read_jsonl(path)
    assert next(records).id == "a"
    with pytest.raises(InputError, match=r"records\.jsonl:4: field 'image'"):
        next(records)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"image": "a.jpg"', "not valid JSON"),
        ('["a.jpg"]', "not a JSON object"),
        ('{"caption": "A dog."}', "field 'image' is missing"),
        ('{"image": ""}', "field 'image': string should have at least 1 character"),
        ('{"image": "a.jpg", "captoin": "A dog."}', "Did you mean 'caption'?"),
        ('{"image": "a.jpg", "attributes": {"brightnes": 1}}', "Did you mean 'attributes.brightness'?"),
        ('{"image": "a.jpg", "attributes": {"brightness": 7}}', "less than or equal to 1; got '7'"),
        ('{"image": "a.jpg", "attributes": {"object": "Dog"}}', "field 'attributes.object'"),
        ('{"image": "a.jpg", "emotion": "amusment"}', "Did you mean 'amusement'?"),
        ('{"image": "a.jpg", "labels": ["joy", "joy"]}', "field 'labels': labels given twice: joy"),
        ('{"image": "a.jpg", "labels": "ekman-8"}', "Did you mean 'ekman-6'?"),
        ('{"image": "a.jpg", "labels": [["joy"], ["joy"]]}', "field 'labels.0'"),
        ('{"image": "a.jpg", "labels": null}', "field 'labels'"),
        ('{"image": "a.jpg", "split": "training"}', "'train', 'val' or 'test'; got 'training'"),
        ('{"image": "a.jpg", "id": null}', "field 'id'"),
    ],
)
def test_refused_line(jsonl: Write, line: str, expected: str) -> None:
    """A line that cannot be used is refused with the file, the line, the field and the remedy, on one line."""
    path = jsonl('{"image": "first.jpg"}', line)
    message = refusal(path)
    assert message.startswith(f"{path}:2: ")
    assert expected in message
    assert "\n" not in message


def test_unknown_emotion_names_all(jsonl: Write) -> None:
    """An unknown emotion is answered with the whole label set and with how to choose another."""
    path = jsonl('{"image": "a.jpg", "emotion": "joy"}')
    with pytest.raises(UnknownNameError, match=r"Known: amusement, anger,.* --labels"):
        list(read_jsonl(path))


def test_same_id_twice(jsonl: Write) -> None:
    """Two records of the same id are refused with both lines."""
    message = refusal(jsonl('{"image": "a.jpg"}', '{"image": "b.jpg"}', '{"image": "a.png"}'))
    assert ":3: id 'a' was already given in line 1" in message


def test_ids_of_one_hash(jsonl: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that merely have the same hash are two ids; ids that are the same are found among them."""
    monkeypatch.setattr("emogen.sources.id_hashes.hash", lambda text: 7, raising=False)
    lines = ['{"image": "a.jpg"}', '{"image": "b.jpg"}', '{"image": "c.jpg"}']
    assert [record.id for record in read_jsonl(jsonl(*lines))] == ["a", "b", "c"]
    assert ":4: id 'b' was already given in line 2" in refusal(jsonl(*lines, '{"image": "b.png"}'))


@pytest.mark.parametrize("raw", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_empty_file(jsonl: Write, raw: bytes) -> None:
    """A file without a single object is refused."""
    assert "the file is empty" in refusal(jsonl(raw=raw))


def test_not_utf8(jsonl: Write) -> None:
    """A file in another encoding is refused with the remedy."""
    message = refusal(jsonl(raw='{"image": "Möwe.jpg"}'.encode("latin-1")))
    assert ":1: not UTF-8 (byte 0xf6). Save the file as UTF-8." in message


def test_unreadable(tmp_path: Path) -> None:
    """What cannot be opened as a file is refused with its name."""
    assert str(tmp_path) in refusal(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
likely_fields = st.sampled_from([*ImageRecord.model_fields, "objects"])
lines = (
    st.binary()
    | st.dictionaries(likely_fields, json_values).map(lambda fields: json.dumps(fields).encode())
    | st.dictionaries(likely_fields, json_values).map(
        lambda fields: json.dumps({"image": "a.jpg", **fields}, ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
    )
)


# The first draw of text builds a table of Unicode, which takes longer than the health check allows.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(lines, max_size=4).map(b"\n".join))
def test_any_bytes(content: bytes) -> None:
    """Whatever the bytes, the answer is records or an InputError that can be printed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records.jsonl")
        path.write_bytes(content)
        try:
            records = list(read_jsonl(path))
        except InputError as error:
            message = str(error)
        else:
            message = ""
            assert len({record.id for record in records}) == len(records) > 0
        assert message.encode().count(b"\n") == 0


def test_override_of_the_label_set(jsonl: Write) -> None:
    """`--labels` decides which emotions are known and which options are asked, whatever a line says."""
    path = jsonl('{"image": "a.jpg", "emotion": "joy", "labels": "mikels-8"}')
    (record,) = read_jsonl(path, ("joy", "fear"))
    assert record.labels == ("joy", "fear")
