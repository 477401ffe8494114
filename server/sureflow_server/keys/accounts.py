"""The account of every key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from sureflow_server.engine.account import Account, Limits, Tally
from sureflow_server.keys.key import Key


class Accounts:
    """Finds the account of a key; there are never more of them than keys."""

    def __init__(self, default: Limits, clock: Callable[[], float] = monotonic) -> None:
        self._default = default
        self._clock = clock
        self._accounts: dict[str, Account] = {}

    def of(self, key: Key) -> Account:
        """Return the account, with the limits that the key has now."""
        account = self._accounts.setdefault(key.id, Account(clock=self._clock))
        account.limits = Limits(
            key.samples_per_minute or self._default.samples_per_minute,
            key.max_samples_in_flight or self._default.max_samples_in_flight,
        )
        return account

    @asynccontextmanager
    async def claim(self, key: Key | None, samples: int) -> AsyncIterator[Tally | None]:
        """Yield what the next samples of a key are counted in, as soon as they are accepted.

        Without a key nothing is counted. Within the block nothing may be awaited.

        Raises:
            QuotaError: Too many are in flight.
            RateError: They come too fast.
        """
        yield None if key is None else self.of(key)
