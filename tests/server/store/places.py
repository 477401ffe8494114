"""Where the stores of the tests are, and what is really there."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Protocol

from sureflow_server.store import Handle, Store, new_id
from sureflow_server.store.embedded import EmbeddedStore
from sureflow_server.store.handle import OVERHEAD
from sureflow_server.store.shared import SharedStore
from tests.server.store.redis_server import RedisServer

KiB = 1024
MiB = 1024 * KiB


class Clock:
    """Stands still until told otherwise."""

    def __init__(self, now: float = 1e9) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Place(Protocol):
    """Where a store is, whether it is open or not."""

    def open(
        self, max_bytes: int = MiB, clock: Callable[[], float] | None = None
    ) -> AbstractAsyncContextManager[Store]:
        """Open the store, and close it after."""

    def nbytes(self) -> int:
        """What is really kept there, counted without the store's own books."""


class FolderPlace:
    def __init__(self, path: Path) -> None:
        self.path = path

    @asynccontextmanager
    async def open(
        self, max_bytes: int = MiB, clock: Callable[[], float] | None = None
    ) -> AsyncIterator[EmbeddedStore]:
        store = await EmbeddedStore.open(self.path, max_bytes, clock or time.time)
        try:
            yield store
        finally:
            await store.close()

    @property
    def payloads(self) -> Path:
        return self.path / "payloads"

    def names(self) -> list[str]:
        return sorted(file.name for file in self.payloads.glob("hdl_*"))

    def nbytes(self) -> int:
        """Files only; the notes of the handles are in the index."""
        total = 0
        for file in self.payloads.glob("hdl_*"):
            with suppress(FileNotFoundError):
                total += file.stat().st_size + (0 if ".sample." in file.name else OVERHEAD)
        return total


class RedisPlace:
    prefixes = count()

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.prefix = f"place-{next(self.prefixes)}:"

    @asynccontextmanager
    async def open(
        self, max_bytes: int = MiB, clock: Callable[[], float] | None = None
    ) -> AsyncIterator[SharedStore]:
        store = await SharedStore.open(self.server.url, max_bytes, self.prefix, clock)
        try:
            yield store
        finally:
            await store.close()

    def nbytes(self) -> int:
        with self.server.client() as client:
            handles = [client.hgetall(key) for key in client.keys(f"{self.prefix}handle:*")]
            frames = [client.hvals(key) for key in client.keys(f"{self.prefix}frames:*")]
        payloads = [len(h[b"recipe"]) + len(h[b"sample"]) for h in handles]
        sizes = [len(data) for of_handle in frames for data in of_handle]
        return sum(payloads) + sum(sizes) + OVERHEAD * (len(payloads) + len(sizes))


def make_handle(
    owner: str = "key", lifetime: float = 100, recipe: int = 100, sample: int = 100
) -> Handle:
    """A handle with payloads of these lengths, each of a byte of its own, and no note."""
    return Handle(
        id=new_id(),
        owner=owner,
        model="icons",
        model_version="sha256:1",
        created=0,
        expires=lifetime,
        note=b"",
        recipe=b"r" * recipe,
        sample=b"s" * sample,
    )


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    server = RedisServer(*options)
    try:
        yield server
    finally:
        server.close()
