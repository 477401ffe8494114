"""Where what servers know of keys, answers and jobs is: in themselves, or in a Redis."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Protocol

from sureflow_server.api.board import Board
from sureflow_server.engine.account import Limits
from sureflow_server.keys.accounts import Accounts
from sureflow_server.replays import Replays
from sureflow_server.replicas.link import Link
from sureflow_server.replicas.replica import Replica
from tests.server.store.redis_server import RedisServer

Clock = Callable[[], float]


class Server(Protocol):
    """What makes the objects of one server."""

    def accounts(self, default: Limits) -> Accounts: ...

    def replays(self, max_bytes: int, lifetime_s: float) -> Replays: ...

    def board(self, max_bytes: int, lifetime_s: float) -> Board: ...


class Alone:
    """A server that shares nothing."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def accounts(self, default: Limits) -> Accounts:
        return Accounts(default, self.clock)

    def replays(self, max_bytes: int, lifetime_s: float) -> Replays:
        return Replays(max_bytes, lifetime_s, self.clock)

    def board(self, max_bytes: int, lifetime_s: float) -> Board:
        return Board(max_bytes, lifetime_s, self.clock)


class Sharing(Replica):
    """One of the servers over a Redis."""

    def __init__(self, link: Link, lease_s: float, beat_s: float) -> None:
        super().__init__(link, lease_s, beat_s)
        self.link = link


class AlonePlace:
    @asynccontextmanager
    async def server(self, clock: Clock = time.time) -> AsyncIterator[Alone]:
        yield Alone(clock)


class SharedPlace:
    prefixes = count()

    def __init__(self, redis: RedisServer) -> None:
        self.redis = redis
        self.prefix = f"replicas-{next(self.prefixes)}:"

    @asynccontextmanager
    async def server(
        self, clock: Clock | None = None, lease_s: float = 30, beat_s: float = 0.05
    ) -> AsyncIterator[Sharing]:
        replica = Sharing(Link(self.redis.url, self.prefix, clock), lease_s, beat_s)
        await replica.start()
        try:
            yield replica
        finally:
            await replica.stop()
