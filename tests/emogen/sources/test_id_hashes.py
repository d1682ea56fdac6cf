from __future__ import annotations

from emogen.sources.id_hashes import FIRST_SLOTS, IdHashes


def test_each_text_is_new_once() -> None:
    """Whatever the number of texts, each is new when it comes first, and known from then on."""
    ids = IdHashes()
    texts = [f"image_{number}" for number in range(4 * FIRST_SLOTS)]
    assert not any([ids.add(text) for text in texts])
    assert all(ids.add(text) for text in texts)


def test_texts_of_one_hash_pass_for_one(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """A hash of 0, which marks an empty place, is a hash like any other; what has one and the same is taken for one."""
    monkeypatch.setattr("emogen.sources.id_hashes.hash", lambda text: 0, raising=False)
    ids = IdHashes()
    assert [ids.add("a"), ids.add("b")] == [False, True]
