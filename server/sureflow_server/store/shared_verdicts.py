"""The verdicts of several servers: in Redis."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files

from redis.asyncio import Redis
from redis.exceptions import RedisError

from sureflow_server.store.connections import connections
from sureflow_server.store.errors import StoreUnavailableError, VerdictsFullError
from sureflow_server.store.verdict import Place, Successor, Verdict

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""Seconds that Redis gets to answer."""

AT_ONCE = 1000
"""Entries that are asked for at a time, so that Redis answers others in between."""


class SharedVerdicts:
    """A :class:`~sureflow_server.store.verdict_store.VerdictStore` in Redis, for many servers.

    What changes anything is one script, which Redis runs as a whole or not at all.
    """

    def __init__(self, url: str, most: int, prefix: str = "sureflow:") -> None:
        """Use this Redis.

        Args:
            url: As for the store of handles.
            most: Verdicts that it may hold; servers that share it should agree on that.
            prefix: Of all keys.

        Raises:
            StoreError: The address cannot be one.
        """
        self._redis = Redis.from_pool(connections(url, ANSWER_S))
        text = files("sureflow_server.store").joinpath("verdicts.lua").read_text()
        self._script = self._redis.register_script(text)
        self._most = most
        self._prefix = prefix

    async def put(self, verdicts: Sequence[Verdict], gone: Sequence[Place] = ()) -> None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.put`."""
        entries = [(place, "") for place in gone]
        entries += [(each.place, json.dumps(asdict(each))) for each in verdicts]
        told = [
            part
            for (model, stream, sample, reviewer), text in entries
            for part in (model, stream, f"{sample} {reviewer}", text)
        ]
        if await self._run("put", self._most, *told) == b"full":
            raise VerdictsFullError(self._most)

    async def verdicts(self, model: str, stream: str | None = None) -> list[Verdict]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.verdicts`."""
        try:
            key = f"{self._prefix}verdict_streams:{model}"
            there: set[bytes] = await self._redis.smembers(key)  # type: ignore[assignment]
            streams = [each.decode() for each in there] if stream is None else [stream]
            found: dict[tuple[str, bytes], Verdict] = {}
            for each in streams:
                async for field, text in self._scan(f"verdicts:{model}:{each}"):
                    if (verdict := _read(text)) is not None:
                        found[each, field] = verdict
        except RedisError as error:
            raise StoreUnavailableError(f"Redis: {error}") from error
        return sorted(found.values(), key=lambda each: (each.at, each.sample, each.reviewer))

    async def extend(self, stream: str, first: int, uncertainties: Sequence[float]) -> None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.extend`."""
        await self._run("extend", stream, first, *map(repr, uncertainties))

    async def draws(self, stream: str) -> list[float]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.draws`."""
        try:
            known = {number: text async for number, text in self._scan(f"draws:{stream}")}
        except RedisError as error:
            raise StoreUnavailableError(f"Redis: {error}") from error
        found: list[float] = []
        while (text := known.get(str(len(found)).encode())) is not None:
            try:
                found.append(float(text))
            except ValueError:
                log.warning("draw %d of %s cannot be read in Redis", len(found), stream)
                break
        return found

    async def offer(
        self, stream: str, reviewer: str, numbers: Sequence[int], now: float, until: float
    ) -> list[int]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.offer`."""
        found = await self._run("offer", stream, reviewer, repr(now), repr(until), *numbers)
        return [int(number) for number in found.split()]

    async def offered(self, stream: str) -> dict[int, tuple[str, float]]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.offered`."""
        found: dict[int, tuple[str, float]] = {}
        try:
            async for number, text in self._scan(f"offers:{stream}"):
                until, _, reviewer = text.decode(errors="replace").partition(" ")
                found[int(number)] = reviewer, float(until)
        except RedisError as error:
            raise StoreUnavailableError(f"Redis: {error}") from error
        except ValueError:
            log.warning("what is before whom cannot be read in Redis")
        return found

    async def withdraw(self, certificate: str, reason: str) -> bool:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.withdraw`."""
        return await self._run("withdraw", certificate, reason) == b"new"

    async def restore(self, certificate: str) -> bool:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.restore`."""
        return await self._run("restore", certificate) == b"gone"

    async def withdrawn(self) -> dict[str, str]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.withdrawn`."""
        try:
            return {k.decode(): v.decode() async for k, v in self._scan("withdrawn")}
        except RedisError as error:
            raise StoreUnavailableError(f"Redis: {error}") from error

    async def count(self, version: str, served: Mapping[str, int]) -> None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.count`."""
        pairs = [part for kind, number in served.items() for part in (kind, number)]
        await self._run("count", version, *pairs)

    async def counted(self, version: str) -> dict[str, int]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.counted`."""
        try:
            found = {k.decode(): int(v) async for k, v in self._scan(f"served:{version}")}
        except RedisError as error:
            raise StoreUnavailableError(f"Redis: {error}") from error
        except ValueError:
            log.warning("how many samples were served cannot be read in Redis")
            return {}
        return found

    async def succeed(self, model: str, versions: Sequence[str], version: str, data: bytes) -> None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.succeed`."""
        await self._run("succeed", model, version, data, *versions)

    async def successors(self) -> dict[str, Successor]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.successors`."""
        found: dict[str, Successor] = {}
        try:
            async for model, text in self._scan("successors"):
                version, *instead = text.decode(errors="replace").split(" ")
                found[model.decode(errors="replace")] = Successor(version, tuple(instead))
        except RedisError as error:
            raise StoreUnavailableError(f"Redis: {error}") from error
        return found

    async def successor(self, model: str) -> bytes | None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.successor`."""
        try:
            found = await self._redis.hget(f"{self._prefix}calibrations", model)
        except RedisError as error:
            raise StoreUnavailableError(f"Redis: {error}") from error
        return found if isinstance(found, bytes) else None

    async def close(self) -> None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.close`."""
        await self._redis.aclose()

    async def _scan(self, key: str) -> AsyncIterator[tuple[bytes, bytes]]:
        async for field, value in self._redis.hscan_iter(f"{self._prefix}{key}", count=AT_ONCE):
            yield field, value

    async def _run(self, *arguments: str | float | bytes) -> bytes:
        try:
            answer: bytes = await self._script([self._prefix], arguments)
        except RedisError as error:
            raise StoreUnavailableError(f"Redis: {error}") from error
        return answer


def _read(text: bytes) -> Verdict | None:
    """Return a verdict; ``None`` where something else is in its place."""
    try:
        return Verdict(**json.loads(text))
    except (ValueError, TypeError):
        log.warning("a verdict cannot be read in Redis")
        return None
