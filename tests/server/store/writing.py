"""A process that does nothing but write to a store, until somebody kills it.

``python -m tests.server.store.writing FOLDER MAX_BYTES SEED`` prints the id of a handle before and
after it was put, and before it is deleted. What is in a handle follows from its id.
"""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import replace
from hashlib import shake_128
from pathlib import Path

from sureflow_server.store import Handle, StoreFullError, new_id
from sureflow_server.store.embedded import EmbeddedStore


def payload(id: str, name: str) -> bytes:
    """The bytes of a part of a handle: of any length up to 20 kB."""
    size = shake_128(f"size {id} {name}".encode()).digest(2)
    return shake_128(f"{id} {name}".encode()).digest(int.from_bytes(size) % 20_000)


def handle(id: str, lifetime: float) -> Handle:
    return Handle(
        id=id,
        owner="key",
        model="icons",
        model_version="1",
        created=0.0,
        expires=lifetime,
        note=payload(id, "note")[:50],
        recipe=payload(id, "recipe"),
        sample=payload(id, "sample"),
    )


async def write(folder: Path, max_bytes: int, seed: int) -> None:
    """Put, add, read, delete and let expire, several at once, without end."""
    draw = random.Random(seed)
    store = await EmbeddedStore.open(folder, max_bytes)
    live = [entry.id for entry in (await store.owned("key", 10_000)).entries]

    async def one() -> None:
        made = replace(handle(new_id(), 1e6 if draw.random() < 0.9 else 0.001))
        say("putting", made.id)
        steps = draw.sample(range(20), draw.randrange(6))
        await store.put(made, {step: payload(made.id, str(step)) for step in steps})
        if made.expires > 1:
            say("put", made.id)
            live.append(made.id)
            await store.add_frames(made.id, {20: payload(made.id, "20")})
            await store.frame(draw.choice(live), 20)

    while True:
        done = await asyncio.gather(*(one() for _ in range(4)), return_exceptions=True)
        for error in done:
            if isinstance(error, BaseException) and not isinstance(error, StoreFullError):
                raise error
        full = any(done)
        for _ in range(len(live) // 2 if full else draw.randrange(3)):
            id = live.pop(draw.randrange(len(live)))
            say("deleting", id)
            await store.delete(id)


def say(what: str, id: str) -> None:
    print(what, id, flush=True)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
