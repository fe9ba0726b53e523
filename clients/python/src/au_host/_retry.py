"""Whether to ask again, and when: decided in plain functions, so that the two clients do the same."""

from __future__ import annotations

import random
from dataclasses import dataclass

import httpx

#: Statuses that say: nothing was done, ask again.
_LATER = {429, 503}
_LONGEST = 30.0


@dataclass(frozen=True)
class Backoff:
    """How often to ask again, and how long to rest before: doubled each time, unless the host says more."""

    retries: int = 5
    first: float = 0.1

    def after_answer(self, tried: int, response: httpx.Response) -> float | None:
        """Give the rest after an answer; ``None``: take it as it is."""
        if tried >= self.retries or response.status_code not in _LATER:
            return None
        said = response.headers.get("retry-after", "")
        rest = self._rest(tried)
        return min(max(float(said), rest), _LONGEST) if said.isdigit() else rest

    def after_error(self, tried: int, error: httpx.TransportError, repeatable: bool) -> float | None:
        """Give the rest after a broken connection; ``None``: give up.

        What never reached the host may always be sent again, anything else only if twice is as good as once.
        """
        unsent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
        broken = isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError))
        if tried >= self.retries or not (unsent or (repeatable and broken)):
            return None
        return self._rest(tried)

    def _rest(self, tried: int) -> float:
        longest: float = min(self.first * 2**tried, _LONGEST)
        return longest * random.uniform(0.5, 1.0)
