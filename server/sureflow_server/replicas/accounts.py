"""The account of every key, counted over all replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sureflow_server.engine.account import Account, Limits, quota_error, rate_error
from sureflow_server.keys.accounts import Accounts
from sureflow_server.keys.key import Key
from sureflow_server.replicas.link import Link
from sureflow_server.store import StoreUnavailableError


class SharedAccount:
    """The samples of one client, as Redis counts them for all replicas.

    A replica keeps an account of its own besides, which holds while Redis is gone. It tells Redis
    whenever that changes, in order, one call at a time.

    Attributes:
        untold: Whether it could not be told how things stand now.
    """

    def __init__(self, id: str, own: Account, link: Link, replica: str, lease_ms: int) -> None:
        self.own = own
        self._id = id
        self._link = link
        self._replica = replica
        self._lease_ms = lease_ms
        self._taken = 0
        self._acknowledged = 0
        self._reserved = 0
        self._order = asyncio.Lock()
        self._telling: asyncio.Task[None] | None = None
        self.untold = False

    @asynccontextmanager
    async def claim(self, samples: int) -> AsyncIterator[Admission]:
        """Set samples aside, and yield what lets them in; what is not used is given back.

        Raises:
            QuotaError: Too many are in flight.
            RateError: They come too fast.
        """
        if not self._limited or samples > (self.own.limits.max_samples_in_flight or samples):
            yield Admission(self, granted=False)
            return
        granted = await self._ask(samples)
        before = self._taken
        try:
            yield Admission(self, granted)
        finally:
            if granted:
                self._reserved -= samples
                if self._taken == before:
                    self.tell()

    def enter(self, samples: int, granted: bool) -> None:
        """Samples were accepted, or one was replaced; Redis knows what it has granted."""
        self.own.enter(samples)
        if self._limited:
            self._taken += samples
        if not granted:
            self.tell()

    def leave(self, samples: int) -> None:
        """See :meth:`~sureflow_server.engine.account.Account.leave`."""
        self.own.leave(samples)
        if samples:
            self.tell()

    def tell(self) -> None:
        """Let Redis know, unless that is about to happen anyway."""
        if self._limited and self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    @property
    def _limited(self) -> bool:
        return self.own.limits != Limits()

    async def _ask(self, samples: int) -> bool:
        """Whether Redis has granted the samples; it can say nothing while it is gone."""
        async with self._order:
            try:
                how, *details = await self._call(samples)
            except StoreUnavailableError:
                return False
            except asyncio.CancelledError:
                # It may have been granted, and is given back by the next call.
                self.tell()
                raise
            if how == b"granted":
                self._reserved += samples
                return True
        if how == b"quota":
            raise quota_error(int(details[0]), self.own.limits)
        raise rate_error(samples, float(details[0]), self.own.limits)

    async def _tell(self) -> None:
        async with self._order:
            self._telling = None
            try:
                await self._call(0)
            except StoreUnavailableError:
                self.untold = True
            else:
                self.untold = False

    async def _call(self, asked: int) -> list[bytes]:
        limits = self.own.limits
        taken = self._taken + self._reserved
        answer: list[bytes] = await self._link.run(
            "accounts",
            self._id,
            self._replica,
            self._lease_ms,
            taken,
            self._acknowledged,
            self.own.in_flight + self._reserved,
            asked,
            "" if limits.samples_per_minute is None else repr(limits.samples_per_minute),
            "" if limits.max_samples_in_flight is None else limits.max_samples_in_flight,
        )
        self._acknowledged = taken + (asked if answer[0] == b"granted" else 0)
        return answer


class Admission:
    """Lets in what Redis has granted; without its word, what the replica's own account allows."""

    def __init__(self, account: SharedAccount, granted: bool) -> None:
        self._account = account
        self._granted = granted
        self._entered = False

    def admit(self, samples: int) -> None:
        """See :meth:`~sureflow_server.engine.account.Account.admit`."""
        if not self._granted:
            self._account.own.admit(samples)

    def enter(self, samples: int) -> None:
        """See :meth:`~sureflow_server.engine.account.Account.enter`."""
        self._account.enter(samples, self._granted and not self._entered)
        self._entered = True

    def leave(self, samples: int) -> None:
        """See :meth:`~sureflow_server.engine.account.Account.leave`."""
        self._account.leave(samples)


class SharedAccounts(Accounts):
    """Finds the account of a key; what all replicas let in counts together.

    While Redis is gone each replica holds the limits by itself, so that a key may have its limits
    once at each.
    """

    def __init__(self, default: Limits, link: Link, replica: str, lease_ms: int) -> None:
        super().__init__(default)
        self._link = link
        self._replica = replica
        self._lease_ms = lease_ms
        self._shared: dict[str, SharedAccount] = {}

    @asynccontextmanager
    async def claim(self, key: Key | None, samples: int) -> AsyncIterator[Admission | None]:
        """See :meth:`~sureflow_server.keys.accounts.Accounts.claim`."""
        if key is None:
            yield None
            return
        own = self.of(key)
        account = self._shared.get(key.id)
        if account is None:
            account = SharedAccount(key.id, own, self._link, self._replica, self._lease_ms)
            self._shared[key.id] = account
        async with account.claim(samples) as admission:
            yield admission

    def tell(self, was_away: bool) -> None:
        """Tell Redis what it could not be told; all, if it has been gone and may have forgotten."""
        for account in self._shared.values():
            if was_away or account.untold:
                account.tell()
