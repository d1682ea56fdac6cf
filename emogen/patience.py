"""When failures mean that no request will succeed: the run ends then, instead of asking about every row.

A server that fails (500, time-outs, broken replies) is given up after a few requests. One that refuses them for good
(HTTP 400 and its like: a proxy does not know the model, a parameter is none of its model's) may do so for what one
prompt holds, so it takes more of these, all refused alike. Whatever was answered ends the count.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from emogen.backends import CONTENT_FILTER, Backend, HasAddress, RequestError
from emogen.errors import BackendError, shorten

__all__ = ["FAILURES", "REFUSALS", "RESUMED", "Patience"]

FAILURES: Final = 5
REFUSALS: Final = 16
# Where a run goes on, the first that are asked are those that failed before: they say little of the others.
RESUMED: Final = 100
# The number of a request, its time, its tokens.
_VARYING: Final = re.compile(r"\S*\d\S*")
COMPARED_CHARS: Final = 100


class Patience:
    """Counts failed requests until the first is answered.

    Args:
        backend: Who is asked, for the message.
        resumed: Whether an earlier run asked some of the requests.

    Attributes:
        answered: Whether a request of this run was answered.
        replayed: Whether the journal answered one: there was a time when the server did.
    """

    def __init__(self, backend: Backend, *, resumed: bool = False) -> None:
        self.answered = False
        self.replayed = False
        self._backend = backend
        self._resumed = resumed
        self._failed = 0
        self._filtered = 0
        self._failures = 0
        self._refusals: Counter[str] = Counter()
        self._last: RequestError | None = None

    def failed(self, error: RequestError) -> None:
        """Count a request that failed for good.

        Raises:
            BackendError: none was answered, and so many failed that none will be.
        """
        self._failed += 1
        self._last = error
        if error.reason == CONTENT_FILTER:
            self._filtered += 1
            return
        if self.answered:
            return
        if error.reason == "bad_request":
            alike = _VARYING.sub("#", error.detail)[:COMPARED_CHARS]
            self._refusals[alike] += 1
            count, patience = self._refusals[alike], REFUSALS
        else:
            self._failures += 1
            count, patience = self._failures, FAILURES
        if count >= (RESUMED if self._resumed or self.replayed else patience):
            raise self._hopeless(error) from error

    def nothing_answered(self) -> BackendError | None:
        """Return the error of a run whose requests all failed; None where one was answered, or none was asked.

        Where a run goes on, prompts that the provider's filter stops once more are rows' own.
        """
        if self.answered or self.replayed or self._last is None:
            return None
        if self._resumed and self._failed == self._filtered:
            return None
        return self._hopeless(self._last)

    def _hopeless(self, last: RequestError) -> BackendError:
        address = self._backend.address if isinstance(self._backend, HasAddress) else ""
        return BackendError(
            f"not one of {self._failed} requests was answered; the last: {last.what}",
            where=f"{self._backend.model}{f' at {shorten(address, 160)}' if address else ''}",
            remedy=self._remedy(last),
        )

    def _remedy(self, last: RequestError) -> str:
        if self._failed == self._filtered:
            return "The provider stops what these records say: leave them out, or ask another model."
        if last.reason == "timeout":
            advice = "Give it more time (--timeout) or fewer requests at once (--in-flight)"
        else:
            advice = "Check the model's name, and the server and its address (--base-url)"
        return f"{advice}, then run the same command again: it asks what was not answered."
