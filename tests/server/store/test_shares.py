"""Nobody can drive out what others have, and one owner alone may use all."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress

import pytest

from sureflow_server.store import (
    ExpiredHandleError,
    Handle,
    HandleError,
    Store,
    StoreFullError,
)
from sureflow_server.store.handle import OVERHEAD
from tests.server.store.places import KiB, Place, make_handle
from tests.server.store.test_store import run

ROOM = 12
SIZE = make_handle().nbytes


async def put_until_full(store: Store, owner: str) -> list[Handle]:
    kept = []
    with suppress(StoreFullError):
        while True:
            kept.append(await store.put(make_handle(owner), {}))
    return kept


async def live(store: Store, kept: list[Handle]) -> list[bool]:
    return [await is_live(store, handle.id) for handle in kept]


async def is_live(store: Store, id: str) -> bool:
    with suppress(HandleError):
        await store.get(id)
        return True
    return False


@run
async def test_others_are_let_in_at_the_cost_of_whoever_has_most(place: Place) -> None:
    async with place.open(ROOM * SIZE) as store:
        greedy = await put_until_full(store, "greedy")
        assert len(greedy) == ROOM, "alone it may use all"
        assert all(await live(store, greedy)), "and loses nothing to its own"
        modest = await store.put(make_handle("modest"), {})
        with pytest.raises(ExpiredHandleError, match="made room"):
            await store.get(greedy[0].id)
        for _ in range(3):
            with pytest.raises(StoreFullError):
                await store.put(make_handle("greedy"), {})
        assert await store.get(modest.id) == modest
        assert await live(store, greedy) == [False] + [True] * (ROOM - 1)
        assert (await store.usage()).bytes == ROOM * SIZE == place.nbytes()
    async with place.open(ROOM * SIZE) as store:
        assert len(await put_until_full(store, "modest")) == ROOM // 2 - 1
        assert len((await store.owned("greedy")).entries) == ROOM // 2, "no further"


@run
async def test_who_has_no_more_than_a_share_loses_nothing(place: Place) -> None:
    """Whoever comes, in whichever order, with handles of whichever size."""
    draw = random.Random(7)
    owners = ["a", "b", "c", "d"]
    async with place.open(64 * KiB) as store:
        held = Counter[str]()
        for _ in range(300):
            handle = make_handle(
                draw.choices(owners, (20, 5, 2, 1))[0], sample=draw.randrange(6000)
            )
            with suppress(StoreFullError):
                await store.put(handle, {})
            before, held = held, Counter()
            for owner in owners:
                for entry in (await store.owned(owner)).entries:
                    held[owner] += entry.nbytes
            losers = {owner for owner in owners if held[owner] < before[owner]}
            assert handle.owner not in losers
            assert all(before[owner] > 64 * KiB / len(owners) for owner in losers)
        shares = [held[owner] / (64 * KiB) for owner in owners]
    assert min(shares) > 0.5 / len(owners)


@run
async def test_frames_of_one_leave_those_of_others(place: Place) -> None:
    frame = bytes(10 * KiB)
    budget = 2 * SIZE + 10 * (len(frame) + OVERHEAD)
    async with place.open(budget) as store:
        modest = await store.put(make_handle("modest"), dict.fromkeys(range(3), frame))
        greedy = await store.put(make_handle("greedy"), dict.fromkeys(range(7), frame))
        assert [len(await store.frames(each.id)) for each in (modest, greedy)] == [3, 7]
        for step in range(100, 120):
            await store.add_frames(greedy.id, {step: frame})
        assert [len(await store.frames(each.id)) for each in (modest, greedy)] == [3, 7]
        assert (await store.usage()).evictions == 20
        await store.add_frames(modest.id, dict.fromkeys(range(3, 20), frame))
        assert [len(await store.frames(each.id)) for each in (modest, greedy)] == [5, 5]
        assert (await store.usage()).bytes == budget == place.nbytes()
