"""The server of `openai_stub` with files and batches, whose batches end as a test says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web
from openai_stub import CONVERSATION, REASONING, OpenAIStub, completion

# What a request's line becomes in the results: a line for one of the files, raw bytes, or nothing.
Result = dict[str, Any] | bytes | None
Status = Literal["completed", "expired", "cancelled", "failed"]


@dataclass
class Fault:
    """What happens to one call: `act` runs before or after it is carried out, and may reply instead of it.

    Without a reply of `act`, the call is answered as ever.
    """

    act: Callable[[], web.Response | None]
    when: Literal["before", "after"] = "before"


@dataclass
class StoredFile:
    name: str
    content: bytes


def answered(line: dict[str, Any], text: str | None = None) -> dict[str, Any]:
    """Return the result of a request that was answered, rightly unless `text` says something else."""
    asked = line["body"]["messages"][0]["content"]
    right = CONVERSATION if "three question-and-answer pairs" in asked else REASONING
    return result(line, 200, completion(text or right))


def result(line: dict[str, Any], status: int, body: Any) -> dict[str, Any]:
    response = {"status_code": status, "request_id": "req_1", "body": body}
    return {"id": "batch_req_1", "custom_id": line["custom_id"], "response": response, "error": None}


def refused(line: dict[str, Any], status: int = 400, message: str = "no") -> dict[str, Any]:
    return result(line, status, {"error": {"message": message, "code": None}})


def not_run(line: dict[str, Any], code: str = "batch_expired") -> dict[str, Any]:
    error = {"code": code, "message": "This request was not executed in time."}
    return {"id": "batch_req_1", "custom_id": line["custom_id"], "response": None, "error": error}


class BatchStub(OpenAIStub):
    """Keeps files and batches as the provider does, and checks what it is sent.

    Attributes:
        files: What was uploaded or made, by id.
        batches: The batch objects, by id.
        calls: Which operations were called, in order.
        keys: The `Authorization` headers seen.
        faults: For an operation, what happens to its next calls.
        cut_next_content: Whether the next download breaks off half-way.
        ends_after: How many times a batch is looked at before it is completed by itself; None is never.
    """

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, StoredFile] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.keys: set[str | None] = set()
        self.faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self.cut_next_content = False
        self.ends_after: int | None = None
        self._looks: defaultdict[str, int] = defaultdict(int)

    def end(
        self,
        status: Status = "completed",
        answer: Callable[[int, dict[str, Any]], Result] = lambda number, line: answered(line),
        *,
        which: str | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        """End all batches that run, or one: the results of `answer` stand in reverse order in two files."""
        for batch in self.batches.values():
            if batch["id"] == which or (which is None and batch["status"] == "in_progress"):
                self._end(batch, status, answer, errors)

    def requests(self, batch_id: str) -> list[dict[str, Any]]:
        """Return the requests of a batch."""
        return _lines(self.files[self.batches[batch_id]["input_file_id"]].content)

    def submitted(self) -> list[str]:
        """Return the custom ids of all requests of all batches."""
        return [line["custom_id"] for batch_id in self.batches for line in self.requests(batch_id)]

    def _end(
        self,
        batch: dict[str, Any],
        status: Status,
        answer: Callable[[int, dict[str, Any]], Result],
        errors: list[dict[str, Any]] | None,
    ) -> None:
        results = [answer(number, line) for number, line in enumerate(self.requests(batch["id"]))]
        good, bad = [], []
        for one in reversed(results):
            if one is None:
                continue
            fine = isinstance(one, bytes) or (one["response"] or {}).get("status_code") == 200
            (good if fine else bad).append(one if isinstance(one, bytes) else json.dumps(one).encode())
        batch.update(
            status=status,
            output_file_id=self._store("output.jsonl", good) if good else None,
            error_file_id=self._store("error.jsonl", bad) if bad else None,
            request_counts={"total": len(results), "completed": len(good), "failed": len(bad)},
            errors={"object": "list", "data": errors} if errors else None,
        )

    def _store(self, name: str, lines: list[bytes]) -> str:
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id] = StoredFile(name, b"".join(line + b"\n" for line in lines))
        return file_id

    def _route(self, app: web.Application) -> None:
        super()._route(app)
        for method, path, operation in (
            ("POST", "/v1/files", self._upload),
            ("GET", "/v1/files", self._list_files),
            ("GET", "/v1/files/{id}/content", self._content_of),
            ("DELETE", "/v1/files/{id}", self._delete_file),
            ("POST", "/v1/batches", self._create),
            ("GET", "/v1/batches", self._list_batches),
            ("GET", "/v1/batches/{id}", self._retrieve),
            ("POST", "/v1/batches/{id}/cancel", self._cancel),
        ):
            app.router.add_route(method, path, self._faulty(operation))

    def _faulty(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        name = operation.__name__.strip("_")

        async def handle(request: web.Request) -> web.StreamResponse:
            self.calls.append(name)
            self.keys.add(request.headers.get("Authorization"))
            fault = self.faults[name].pop(0) if self.faults[name] else None
            reply: web.StreamResponse | None = fault.act() if fault and fault.when == "before" else None
            if reply is None:
                reply = await operation(request)
                if fault and fault.when == "after":
                    reply = fault.act() or reply
            return reply

        return handle

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        assert form["purpose"] == "batch"
        content = file.file.read()
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id] = StoredFile(file.filename, content)
        return web.json_response(self._file_object(file_id))

    async def _list_files(self, request: web.Request) -> web.Response:
        return self._page(request, [self._file_object(file_id) for file_id in self.files])

    async def _content_of(self, request: web.Request) -> web.StreamResponse:
        file = self.files.get(request.match_info["id"])
        if file is None:
            return _missing()
        if not self.cut_next_content:
            return web.Response(body=file.content)
        self.cut_next_content = False
        response = web.StreamResponse(headers={"Content-Length": str(len(file.content))})
        await response.prepare(request)
        await response.write(file.content[: len(file.content) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    async def _delete_file(self, request: web.Request) -> web.Response:
        if self.files.pop(request.match_info["id"], None) is None:
            return _missing()
        return web.json_response({"id": request.match_info["id"], "object": "file", "deleted": True})

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["endpoint"] == "/v1/chat/completions"
        assert body["completion_window"] == "24h"
        if body["input_file_id"] not in self.files:
            return _missing()
        batch_id = f"batch_{len(self.batches) + 1}"
        self.batches[batch_id] = {
            "id": batch_id,
            "object": "batch",
            "created_at": 1_800_000_000 + len(self.batches),
            "expires_at": 1_800_086_400,
            "status": "in_progress",
            "output_file_id": None,
            "error_file_id": None,
            "errors": None,
            **body,
        }
        lines = self.requests(batch_id)
        self.batches[batch_id]["request_counts"] = {"total": len(lines), "completed": 0, "failed": 0}
        problems = _problems(lines)
        if problems:
            self.batches[batch_id].update(
                status="failed",
                errors={"object": "list", "data": [{"code": "invalid", "line": 1, "message": problems}]},
            )
        return web.json_response(self.batches[batch_id])

    async def _list_batches(self, request: web.Request) -> web.Response:
        return self._page(request, list(self.batches.values()))

    async def _retrieve(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _missing()
        self._looks[batch["id"]] += 1
        if self.ends_after is not None and self._looks[batch["id"]] > self.ends_after:
            self.end(which=batch["id"])
        return web.json_response(batch)

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _missing()
        batch["status"] = "cancelling"
        return web.json_response(batch)

    def _file_object(self, file_id: str) -> dict[str, Any]:
        file = self.files[file_id]
        return {
            "id": file_id,
            "object": "file",
            "bytes": len(file.content),
            "created_at": 1_800_000_000,
            "filename": file.name,
            "purpose": "batch",
            "status": "processed",
        }

    def _page(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        """Reply with the newest first, two at a time, so that whoever looks must turn pages."""
        items = items[::-1]
        after = request.query.get("after")
        begin = next((i + 1 for i, item in enumerate(items) if item["id"] == after), 0)
        page = items[begin : begin + 2]
        return web.json_response({"object": "list", "data": page, "has_more": begin + 2 < len(items)})


def _problems(lines: list[dict[str, Any]]) -> str:
    ids = [line["custom_id"] for line in lines]
    if len(set(ids)) < len(ids) or any(len(one) > 64 for one in ids):
        return "custom ids"
    if {(line["method"], line["url"]) for line in lines} != {("POST", "/v1/chat/completions")}:
        return "endpoints"
    return "models" if len({line["body"]["model"] for line in lines}) != 1 else ""


def _lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def _missing() -> web.Response:
    return web.json_response(
        {"error": {"message": "No such object", "type": "invalid_request_error"}}, status=404
    )
