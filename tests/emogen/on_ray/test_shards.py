"""Records cut into shards."""

from __future__ import annotations

from pathlib import Path

from emogen.on_ray.shards import ShardFile
from emogen.schemas import ImageRecord

TYPES = ("categorical", "reasoning")


def records(count: int) -> list[ImageRecord]:
    return [ImageRecord(id=f"r{number}", image=f"r{number}.jpg") for number in range(count)]


def ids(lines: list[bytes]) -> list[str]:
    return [ImageRecord.model_validate_json(line).id for line in lines]


def test_each_record_of_which_a_row_is_missing_is_in_one_shard(tmp_path: Path) -> None:
    """What is whole is left out; nothing is left in the folder."""
    done = {("r1", "categorical"), ("r1", "reasoning"), ("r2", "reasoning")}
    with ShardFile(tmp_path, TYPES, 2) as shards:
        shards.fill(records(6), done)
        parts = [shards.lines(number) for number in range(len(shards))]
        assert [ids(part) for part in parts] == [["r0", "r2"], ["r3", "r4"], ["r5"]]
        assert shards.rows_there(0, parts[0], done) == {("r2", "reasoning")}
        assert shards.rows_there(1, parts[1], done) == frozenset()
    assert list(tmp_path.iterdir()) == []


def test_a_shard_that_is_handed_out_again_lacks_what_came_meanwhile(tmp_path: Path) -> None:
    """A worker that takes a dead one's shard makes only what that had not handed in."""
    done: set[tuple[str, str]] = set()
    with ShardFile(tmp_path, TYPES, 3) as shards:
        shards.fill(records(3), done)
        lines = shards.lines(0)
        assert shards.rows_there(0, lines, done) == frozenset()
        done.add(("r1", "reasoning"))
        assert shards.rows_there(0, shards.lines(0), done) == {("r1", "reasoning")}
