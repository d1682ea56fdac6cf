"""The few answers of the Hugging Face Hub that downloading a data set takes, on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

COMMIT = "0" * 40


class HubStub:
    """Serves the files of a folder as the data set `me/tiny`; use it as a context manager.

    Attributes:
        url: What `HF_ENDPOINT` must be.
        fetched: The files whose content was asked for, in order.
    """

    def __init__(self, folder: Path) -> None:
        self.fetched: list[str] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub._answer(self, folder)

            do_HEAD = do_GET  # noqa: N815 - the name is http.server's

            def log_message(self, *args: Any) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HubStub:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler, folder: Path) -> None:
        path = request.path.partition("?")[0]
        resolved = f"/datasets/me/tiny/resolve/{COMMIT}/"
        if path.startswith("/api/datasets/me/tiny/revision/"):
            self._send(request, json.dumps({"id": "me/tiny", "sha": COMMIT, "siblings": []}).encode())
        elif path.startswith("/api/datasets/me/tiny/tree/"):
            self._send(request, json.dumps([self._entry(folder, file) for file in _files(folder)]).encode())
        elif path.startswith(resolved) and (folder / path.removeprefix(resolved)).is_file():
            name = path.removeprefix(resolved)
            if request.command == "GET":
                self.fetched.append(name)
            self._send(request, (folder / name).read_bytes())
        else:
            request.send_response(404)
            request.send_header("X-Error-Code", "RepoNotFound")
            request.send_header("Content-Length", "0")
            request.end_headers()

    def _entry(self, folder: Path, file: Path) -> dict[str, Any]:
        content = file.read_bytes()
        oid = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        return {
            "type": "file",
            "path": file.relative_to(folder).as_posix(),
            "size": len(content),
            "oid": oid,
        }

    def _send(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        request.send_header("ETag", f'"{etag}"')
        request.send_header("X-Repo-Commit", COMMIT)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(content)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
