"""The limit to compare with: aiohttp and orjson, a bounded pool of workers, and one JSON line per answer.

It keeps no journal, checks nothing and repeats nothing; its requests are as large as those of `emogen`, because they
are one of them with another record's facts in the last message.

    python -m benchmarks.generation.bare_client RECORDS TEMPLATE OUT URL IN_FLIGHT
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import aiohttp
import orjson

__all__ = ["main"]


def bodies(records: Path, template: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the request body of each record, read lazily."""
    *head, last = template["messages"]
    with records.open("rb") as lines:
        for line in lines:
            record = orjson.loads(line)
            facts = [f"Caption: {record['caption']}", f"Emotion: {record['emotion']}"]
            facts += [f"{name}: {value}" for name, value in record["attributes"].items()]
            message = {**last, "content": "\n".join(facts) + "\n"}
            yield record["id"], orjson.dumps({**template, "messages": [*head, message]})


async def work(
    session: aiohttp.ClientSession, url: str, rows: Iterator[tuple[str, bytes]], out: IO[bytes]
) -> int:
    """Ask for row after row until there are none; return how many were not answered."""
    failed = 0
    for name, body in rows:
        async with session.post(url, data=body) as reply:
            raw = await reply.read()
        if reply.status != 200:
            failed += 1
            continue
        answer = orjson.loads(raw)
        text = answer["choices"][0]["message"]["content"]
        out.write(orjson.dumps({"id": name, "text": text, "usage": answer["usage"]}) + b"\n")
    return failed


async def run(records: Path, template: Path, out: Path, url: str, in_flight: int) -> int:
    """Ask for all rows; return how many were not answered."""
    rows = bodies(records, orjson.loads(template.read_bytes()))
    connector = aiohttp.TCPConnector(limit=in_flight)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        with out.open("wb") as file:
            counts = await asyncio.gather(*(work(session, url, rows, file) for _ in range(in_flight)))
    return sum(counts)


def main() -> None:
    """Run the client; exit code 1 where a row was not answered."""
    records, template, out, url, in_flight = sys.argv[1:]
    failed = asyncio.run(
        run(Path(records), Path(template), Path(out), f"{url}/chat/completions", int(in_flight))
    )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
