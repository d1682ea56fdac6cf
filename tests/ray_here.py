"""What the program uses of Ray's tasks, done at once and in this process; what goes there and back is pickled."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

__all__ = ["RayHere"]


class RayHere:
    """Stands for the module `ray`, connected."""

    def remote(self, function: Callable[..., Any] | None = None, **options: Any) -> Any:
        return _Remote(function) if function else lambda what: _Remote(what, options.get("num_returns"))

    def put(self, value: Any) -> _Made:
        return _Made(value)

    def wait(self, things: list[Any]) -> tuple[list[Any], list[Any]]:
        return things[-1:], things[:-1]

    def get(self, thing: _Made) -> Any:
        return thing.value

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 1.0}


class _Remote:
    def __init__(self, function: Callable[..., Any], results: int | None = None) -> None:
        self._function = function
        self._results = results

    def remote(self, *arguments: Any) -> Any:
        sent = [each.value if isinstance(each, _Made) else each for each in arguments]
        made = self._function(*pickle.loads(pickle.dumps(sent)))
        return _Made(made) if self._results is None else [_Made(each) for each in made]


class _Made:
    def __init__(self, value: Any) -> None:
        self._packed = pickle.dumps(value)

    @property
    def value(self) -> Any:
        return pickle.loads(self._packed)
