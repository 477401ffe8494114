"""The way to a Redis that may be gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError, RedisError, TimeoutError

from sureflow_server.store import StoreUnavailableError
from sureflow_server.store.connections import connections

log = logging.getLogger(__name__)

ANSWER_S = 2.0
"""Seconds that Redis gets to answer. A request waits meanwhile that could be served without."""


class Link:
    """Runs scripts in Redis; while it is gone, refuses at once rather than after a wait.

    Only :meth:`probe` finds out that Redis is back; the replica calls it at every beat.

    Args:
        url: As for the store.
        prefix: Of all keys.
        clock: Seconds since the epoch; ``None`` is that of Redis.

    Attributes:
        away: Whether the last call did not reach Redis.
        absences: How often it has been found gone.

    Raises:
        StoreError: The address cannot be one.
    """

    def __init__(
        self, url: str, prefix: str = "sureflow:", clock: Callable[[], float] | None = None
    ) -> None:
        self._redis = Redis.from_pool(connections(url, ANSWER_S))
        self._prefix = prefix
        self._clock = clock
        texts = files("sureflow_server.replicas")
        self._scripts = {
            name: self._redis.register_script(texts.joinpath(f"{name}.lua").read_text())
            for name in ("presence", "accounts", "lease_store")
        }
        self.away = False
        self.absences = 0
        self._refusals: dict[str, str] = {}
        self._calls = 0
        self._quiet = asyncio.Event()

    async def run(self, script: str, *arguments: str | bytes | float) -> list[Any]:
        """Run one of the scripts; each may be run twice, as it is if a connection breaks.

        Raises:
            StoreUnavailableError: Redis is gone, or refuses.
        """
        if self.away:
            raise StoreUnavailableError("Redis is gone")
        return await self.probe(script, *arguments)

    async def probe(self, script: str, *arguments: str | bytes | float) -> list[Any]:
        """Run one of the scripts even if Redis seems to be gone; see :meth:`run`."""
        now = "" if self._clock is None else repr(self._clock())
        self._calls += 1
        try:
            answer: list[Any] = await self._scripts[script]([self._prefix], [now, *arguments])
        except (ConnectionError, TimeoutError) as error:
            if not self.away:
                log.warning("Redis is gone; quotas, jobs and answers are not shared: %s", error)
                self.absences += 1
            self.away = True
            raise StoreUnavailableError(f"Redis: {error}") from error
        except RedisError as error:
            if self._refusals.get(script) != (reason := str(error).partition(" ")[0]):
                log.warning("Redis refuses, for want of memory or of rights: %s", error)
                self._refusals[script] = reason
            raise StoreUnavailableError(f"Redis: {error}") from error
        finally:
            self._calls -= 1
            if not self._calls:
                self._quiet.set()
        self._refusals.pop(script, None)
        if self.away:
            log.info("Redis is back")
            self.away = False
        return answer

    async def close(self, script: str, *arguments: str) -> None:
        """Run one last script, and close the connections."""
        with suppress(StoreUnavailableError):
            await self.run(script, *arguments)
        self.away = True
        while self._calls:
            self._quiet.clear()
            await self._quiet.wait()
        await self._redis.aclose()
