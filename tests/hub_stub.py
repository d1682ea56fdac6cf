"""The few answers of the Hugging Face Hub that downloading a data set or a model takes, on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

COMMIT = "0" * 40
# A revision that is not there.
UNKNOWN = "unknown"


class HubStub:
    """Serves the files of a folder as the data set `me/tiny`; use it as a context manager.

    Args:
        folder: What it serves.
        model: Serve it as a model of this name instead.

    Attributes:
        url: What `HF_ENDPOINT` must be.
        gated: Whether files are kept from those who have not agreed.
        fetched: The files whose content was asked for, in order.
    """

    def __init__(self, folder: Path, model: str | None = None) -> None:
        self.gated = False
        self.fetched: list[str] = []
        self._api, self._files = f"models/{model}", model
        if model is None:
            self._api = self._files = "datasets/me/tiny"
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
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler, folder: Path) -> None:
        path = request.path.partition("?")[0]
        resolved = f"/{self._files}/resolve/{COMMIT}/"
        # One file alone is asked for by the branch.
        path = path.replace("/resolve/main/", f"/resolve/{COMMIT}/")
        if path.startswith(f"/api/{self._api}/revision/{UNKNOWN}"):
            self._refuse(request, 404, "RevisionNotFound")
        elif path.startswith(f"/api/{self._api}/revision/"):
            self._send(request, json.dumps({"id": self._files, "sha": COMMIT, "siblings": []}).encode())
        elif path.startswith(f"/api/{self._api}/tree/"):
            self._send(request, json.dumps([self._entry(folder, file) for file in _files(folder)]).encode())
        elif path.startswith(resolved) and self.gated:
            self._refuse(request, 403, "GatedRepo")
        elif path.startswith(resolved) and (folder / path.removeprefix(resolved)).is_file():
            name = path.removeprefix(resolved)
            if request.command == "GET":
                self.fetched.append(name)
            self._send(request, (folder / name).read_bytes())
        else:
            self._refuse(request, 404, "RepoNotFound")

    def _refuse(self, request: BaseHTTPRequestHandler, status: int, code: str) -> None:
        request.send_response(status)
        request.send_header("X-Error-Code", code)
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
