"""OpenAI's chat completions, and every server that speaks the same wire format.

The wire is aiohttp with orjson: httpx, which the official SDK stands on, costs several times the CPU per request
at high concurrency. Nothing is sent before the first `complete`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson

from emogen.backends import BackendOptions, RequestError, ThrottledError, TransientError
from emogen.backends.capabilities import capabilities, model_names, refuse_retired, replacements
from emogen.errors import BackendError, CredentialError, InputError, shorten
from emogen.schemas import Completion, Prompt, Usage

if TYPE_CHECKING:
    import aiohttp

__all__ = ["OpenAIBackend", "strict_schema"]

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
# A server that never answered anything is not there: a new user should not wait for five attempts to learn it.
ATTEMPTS_TO_REACH: Final = 2
DEFAULT_IN_FLIGHT: Final = 64
MAX_WAIT_S: Final = 60.0
CONNECT_TIMEOUT_S: Final = 10.0
# Shorter ones are the placeholders that local servers take ("EMPTY", "none"), which are words of answers, too.
SECRET_FROM_CHARS: Final = 12

# "250ms", "1s", "6m0s", "1h2m3.5s", as `x-ratelimit-reset-*` has it.
_UNIT_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_DURATION: Final = re.compile(rf"(?:{_DURATION_PART.pattern})+")


class OpenAIBackend:
    """OpenAI, and any compatible server by --base-url (vLLM, Ollama, llama.cpp, OpenRouter, Azure's v1)."""

    name = "openai"
    notice = ""
    guided = False
    takes_corrections = True

    def __init__(self, options: BackendOptions) -> None:
        if not options.model:
            raise InputError(
                "openai needs a model",
                remedy=f"Name one: --backend openai:MODEL, or --backend {model_names()[0]}.",
            )
        self.model = options.model
        self._base_url = _base_url(options.base_url)
        self._own_server = options.base_url is not None
        if not self._own_server:
            refuse_retired(self.model, dt.datetime.now(dt.UTC).date())
        self._key = _key(options)
        self._secret = self._key.encode() if len(self._key) >= SECRET_FROM_CHARS else b""
        self._reached = False
        self._missed = 0
        self._formats: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        self.rate_headers: dict[str, str] = {}
        self._takes = capabilities(self.model)
        known = self._takes.answers[0] if self._takes.answers else "text"
        self._answer_format = options.answer_format or known
        self.structured = self._answer_format != "text"
        self.in_flight = options.in_flight or DEFAULT_IN_FLIGHT
        self._timeout_s = options.timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._sampling: dict[str, Any] = {self._takes.max_tokens: options.max_tokens, "seed": options.seed}
        if options.temperature is not None:
            if not self._takes.temperature:
                raise InputError(
                    f"{self.model} accepts no temperature",
                    where="--temperature",
                    remedy="Leave the option out.",
                )
            self._sampling["temperature"] = options.temperature
        self.parameters: dict[str, Any] = {**self._sampling, "answer_format": self._answer_format}
        if options.base_url:
            self.parameters["base_url"] = self._base_url

    async def complete(self, prompt: Prompt) -> Completion:
        """Make one attempt."""
        begin = time.perf_counter()
        try:
            status, headers, raw = await self._post(orjson.dumps(self._body(prompt)))
        except OSError as error:
            raise self._unreachable(error) from error
        self._reached = True
        if status == 200:
            self.rate_headers = {name: value for name, value in headers.items() if "ratelimit" in name}
            return self._read(raw, time.perf_counter() - begin)
        if (status not in {408, 409, 429} and status < 500) or _is_out_of_credit(raw):
            raise self._refused(status, headers, raw)
        detail, wait_s = f"HTTP {status}: {_message(raw)}", _retry_after_s(headers)
        if status == 429:
            raise ThrottledError(detail, wait_s)
        raise TransientError("server_error", detail, wait_s)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
            **self._sampling,
        }
        if prompt.answer_schema is not None and self._answer_format == "json_schema":
            body["response_format"] = self._response_format(prompt.instruction, prompt.answer_schema)
        elif prompt.answer_schema is not None and self._answer_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def _response_format(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the request's schema; an instruction type has the same one for all its rows."""
        known = self._formats.get(name)
        if known is None or known[0] != schema:
            strict = {"name": name, "strict": True, "schema": strict_schema(schema)}
            known = self._formats[name] = (schema, {"type": "json_schema", "json_schema": strict})
        return known[1]

    async def _post(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        import aiohttp

        if self._session is None:
            headers = {"Content-Type": "application/json"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            self._session = aiohttp.ClientSession(
                headers=headers,
                connector=aiohttp.TCPConnector(limit=self.in_flight),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=CONNECT_TIMEOUT_S),
            )
        try:
            async with self._session.post(
                f"{self._base_url}/chat/completions", data=body, allow_redirects=False
            ) as reply:
                headers = {name.lower(): value for name, value in reply.headers.items()}
                return reply.status, headers, self._without_key(await reply.read())
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    def _read(self, raw: bytes, latency_s: float) -> Completion:
        try:
            reply = _reply(raw)
            choice = reply["choices"][0]
            message = choice["message"]
            usage = reply.get("usage") or {}
            text, refusal = message.get("content"), message.get("refusal")
            return Completion(
                text=text or refusal or "",
                model=str(reply.get("model") or self.model),
                finish_reason="refusal" if refusal and not text else choice.get("finish_reason") or "stop",
                usage=Usage(
                    prompt_tokens=usage.get("prompt_tokens") or 0,
                    completion_tokens=usage.get("completion_tokens") or 0,
                ),
                latency_s=round(latency_s, 3),
            )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise TransientError("unreadable_reply", _message(raw) or "an empty body") from error

    def _refused(self, status: int, headers: dict[str, str], raw: bytes) -> BackendError:
        message = _message(raw)
        if status in {401, 403}:
            return CredentialError(
                f"{self._base_url} refused the key (HTTP {status}): {message}",
                remedy="Check the key's environment variable and what the key may use.",
            )
        if status == 402 or _is_out_of_credit(raw):
            return BackendError(
                f"{self._base_url}: the account has no credit left (HTTP {status}): {message}",
                remedy="Add credit, then run the same command again: it goes on from there.",
            )
        if status == 404:
            return BackendError(
                f"{self._base_url} does not serve {self.model!r} (HTTP 404): {message}",
                remedy=self._instead(),
            )
        if 300 <= status < 400:
            place = headers.get("location", "nowhere")
            return BackendError(
                f"{self._base_url} sends us on to {shorten(place)} (HTTP {status})",
                remedy="Name the address itself with --base-url.",
            )
        return RequestError("bad_request", f"HTTP {status}: {message}")

    def _instead(self) -> str:
        if self._own_server and not self._takes.replacements:
            return (
                f"Check its name against {self._base_url}/models, and the address, which often ends in /v1."
            )
        return f"Try {', '.join(replacements(self.model))}, or another server with --base-url."

    def _unreachable(self, error: OSError) -> BackendError:
        if isinstance(error, TimeoutError):
            return TransientError("timeout", f"no answer within {self._timeout_s:g} s")
        detail = shorten(error, 160)
        self._missed += 1
        if self._reached or self._missed < ATTEMPTS_TO_REACH:
            return TransientError("unreachable", f"{self._base_url}: {detail}")
        return BackendError(
            f"cannot be reached: {detail}",
            where=self._base_url,
            remedy="Check that the server runs, its address (--base-url) and the network.",
        )

    def _without_key(self, raw: bytes) -> bytes:
        """Cut the key out of what the server sent: some echo it, and answers and errors are kept."""
        return raw.replace(self._secret, b"***") if self._secret else raw


def _reply(raw: bytes) -> Any:
    """Read a reply; one bad byte or half a character in it is no reason to pay for another."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw.decode("utf-8", "replace"))


def _message(raw: bytes) -> str:
    try:
        error = orjson.loads(raw)["error"]
        message = error["message"] if isinstance(error, dict) else str(error)
    except (orjson.JSONDecodeError, LookupError, TypeError):
        message = raw[:400].decode("utf-8", "replace")
    return shorten(message, 200)


def _is_out_of_credit(raw: bytes) -> bool:
    """Whether this is OpenAI's 429 that no waiting mends."""
    return b'"insufficient_quota"' in raw


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` within the subset that strict structured outputs accept.

    Every object closed and all its fields required; no string lengths, defaults or titles.
    """

    def tighten(node: Any) -> Any:
        if isinstance(node, list):
            return [tighten(item) for item in node]
        if not isinstance(node, dict):
            return node
        dropped = {"title", "default", "minLength", "maxLength", "description"}
        tight = {key: tighten(value) for key, value in node.items() if key not in dropped}
        if "properties" in node:
            tight["properties"] = {name: tighten(value) for name, value in node["properties"].items()}
            tight["required"] = list(node["properties"])
            tight["additionalProperties"] = False
        return tight

    result: dict[str, Any] = tighten(schema)
    return result


def _base_url(given: str | None) -> str:
    url = (given or DEFAULT_BASE_URL).strip().rstrip("/")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if whole and (parts.username or parts.password):
        raise InputError(
            "the address holds a name or a password, which would end up in the run's manifest",
            where="--base-url",
            remedy="Put the key into an environment variable and name that with --api-key-env.",
        )
    if not whole or parts.query or parts.fragment:
        raise InputError(
            f"not an address: {shorten(url)!r}", where="--base-url", remedy="Write it as http://host:port/v1."
        )
    return url


def _key(options: BackendOptions) -> str:
    key = os.environ.get(options.api_key_env, "").strip()
    if not key and options.base_url is None:
        raise CredentialError(
            f"no key in the environment variable {options.api_key_env}",
            remedy=f"Set it (export {options.api_key_env}=...), or name a server of your own with --base-url.",
        )
    if not (key.isascii() and key.isprintable()):
        raise CredentialError(
            f"what the environment variable {options.api_key_env} holds cannot be a key",
            remedy="Copy the key again: it has letters, digits and dashes only.",
        )
    return key


def _retry_after_s(headers: dict[str, str]) -> float | None:
    """Return how long the server asks to wait, in seconds; None where it does not say."""
    wait_s = _number(headers.get("retry-after-ms")) / 1000 or _number(headers.get("retry-after"))
    if not wait_s and "retry-after" in headers:
        wait_s = _seconds_until(headers["retry-after"])
    if "retry-after-ms" not in headers and "retry-after" not in headers:
        wait_s = max(_reset_s(headers, "requests"), _reset_s(headers, "tokens"))
    return min(wait_s, MAX_WAIT_S) if wait_s > 0 else None


def _reset_s(headers: dict[str, str], what: str) -> float:
    """Return after how many seconds there are requests or tokens again: 0 if there are, or nothing is said."""
    if headers.get(f"x-ratelimit-remaining-{what}", "").strip() != "0":
        return 0.0
    reset = headers.get(f"x-ratelimit-reset-{what}", "").strip()
    if not _DURATION.fullmatch(reset):
        return _number(reset)
    return sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION_PART.findall(reset))


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _seconds_until(date: str) -> float:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    return (when.replace(tzinfo=when.tzinfo or dt.UTC) - dt.datetime.now(dt.UTC)).total_seconds()
