"""What holds for every store."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from sureflow_server.store import (
    ExpiredHandleError,
    HandleTooLargeError,
    Store,
    StoreFullError,
    UnknownHandleError,
    index,
    new_id,
    shared,
)
from sureflow_server.store.handle import OVERHEAD
from sureflow_server.store.store import MAX_STEP, REMEMBER_S
from tests.server.store.places import Clock, KiB, MiB, Place, make_handle


def run(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Give a test an event loop of its own."""

    @functools.wraps(test)
    def wrapped(**fixtures: object) -> None:
        asyncio.run(test(**fixtures))  # type: ignore[arg-type]

    return wrapped


FRAMES = {4: b"four", 0: b"", 9: b"nine" * 1000}


@run
async def test_a_handle_comes_back_as_it_was(place: Place) -> None:
    async with place.open(clock=Clock(50.0)) as store:
        handle = replace(
            make_handle(), note=b'{"commit": 0.5}', recipe=bytes(range(256)), owner="Käthe"
        )
        kept = await store.put(handle, FRAMES)
        assert kept == replace(handle, created=50.0, expires=150.0)
        assert await store.get(handle.id) == kept
        assert await store.frames(handle.id) == [(0, 0), (4, 4), (9, 4000)]


@run
async def test_everything_is_there_after_a_restart(place: Place) -> None:
    async with place.open() as store:
        kept = await store.put(make_handle(), FRAMES)
        before = await store.usage()
    async with place.open() as store:
        assert await store.get(kept.id) == kept
        assert {at: await store.frame(kept.id, at) for at in FRAMES} == {
            at: (at, data) for at, data in FRAMES.items()
        }
        assert await store.usage() == before


@run
async def test_the_nearest_frame_is_the_last_one_not_beyond(place: Place) -> None:
    async with place.open() as store:
        kept = await store.put(make_handle(), {3: b"three", 12: b"twelve"})
        steps = {2: None, 3: 3, 4: 3, 11: 3, 12: 12, MAX_STEP: 12, 10**30: 12}
        for at_most, step in steps.items():
            found = await store.frame(kept.id, at_most)
            assert (found and found[0]) == step


@run
async def test_unknown_and_expired_are_told_apart_for_a_while(place: Place) -> None:
    clock = Clock()
    async with place.open(clock=clock) as store:
        kept = await store.put(make_handle(lifetime=10), {1: b"frame"})
        other = await store.put(make_handle(lifetime=11), {})
        asked: list[Callable[[str], Awaitable[object]]] = [
            store.get,
            store.frames,
            store.delete,
            lambda id: store.frame(id, 1),
            lambda id: store.add_frames(id, {2: b"late"}),
        ]

        async def all_raise(error: type[Exception], id: str) -> None:
            for question in asked:
                with pytest.raises(error):
                    await question(id)

        for nobody in (new_id(), "", "hdl_", "../lock", "hdl_" + "/" * 22, f"{kept.id}\n"):
            await all_raise(UnknownHandleError, nobody)
        clock.now += 9.5
        await store.get(kept.id)
        clock.now += 0.5
        await all_raise(ExpiredHandleError, kept.id)
        assert await store.sweep() == 1
        assert await store.sweep() == 0
        await all_raise(ExpiredHandleError, kept.id)
    async with place.open(clock=clock) as store:
        asked[:3] = [store.get, store.frames, store.delete]
        assert (await store.get(other.id)) == other
        clock.now += REMEMBER_S - 0.5
        with pytest.raises(ExpiredHandleError):
            await store.get(kept.id)
        clock.now += 0.5
        with pytest.raises(UnknownHandleError):
            await store.get(kept.id)
        await store.sweep()
        assert (await store.usage()).bytes == place.nbytes() == 0


def test_so_many_expired_ones_are_remembered(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "REMEMBERED", 2)
    monkeypatch.setattr(shared, "REMEMBERED", 2)
    asyncio.run(remembers_the_last_two(place))


async def remembers_the_last_two(place: Place) -> None:
    clock = Clock()
    async with place.open(clock=clock) as store:
        kept = [await store.put(make_handle(lifetime=at), {}) for at in (1, 2, 3)]
        for _ in kept:
            clock.now += 1
            await store.sweep()
        with pytest.raises(UnknownHandleError):
            await store.get(kept[0].id)
        for handle in kept[1:]:
            with pytest.raises(ExpiredHandleError):
                await store.get(handle.id)


@run
async def test_lifetimes_are_by_the_clock_of_the_store(place: Place) -> None:
    """The machine that made the handle may think that it is 1970, or tomorrow."""
    async with place.open() as store:
        handle = make_handle(lifetime=1000)
        early = await store.put(handle, {})
        late = await store.put(replace(handle, id=new_id(), created=1e10, expires=1e10 + 1000), {})
        assert early.created <= late.created < early.expires <= late.expires
        assert early.expires - early.created == pytest.approx(1000, abs=1e-5)
        assert await store.get(late.id) == late


@run
async def test_a_clock_that_jumps_back_revives_nothing_and_loses_nothing(place: Place) -> None:
    clock = Clock(1e9)
    async with place.open(clock=clock) as store:
        gone = await store.put(make_handle(lifetime=10), {1: b"frame"})
        kept = await store.put(make_handle(lifetime=5000), {1: b"frame"})
        clock.now += 3600
        assert await store.sweep() == 1
        clock.now -= 7200
        with pytest.raises(ExpiredHandleError):
            await store.get(gone.id)
        assert await store.get(kept.id) == kept
        new = await store.put(make_handle(lifetime=10), {})
        assert await store.get(new.id) == new
        assert (await store.usage()).bytes == place.nbytes()


@run
async def test_deleted_is_unknown(place: Place) -> None:
    async with place.open() as store:
        kept = await store.put(make_handle(), FRAMES)
        await store.delete(kept.id)
        with pytest.raises(UnknownHandleError):
            await store.get(kept.id)
        assert dataclasses.astuple(await store.usage()) == (0, MiB, 0, 0, 0)
        assert place.nbytes() == 0


@run
async def test_what_is_put_twice_is_kept_once(place: Place) -> None:
    async with place.open() as store:
        kept = await store.put(make_handle(), {1: b"one"})
        before = await store.usage()
        again = await store.put(replace(kept, recipe=b"another", owner="thief"), {2: b"two"})
        assert again == await store.get(kept.id) == kept
        assert await store.usage() == before


@run
async def test_frames_can_be_added(place: Place) -> None:
    async with place.open() as store:
        kept = await store.put(make_handle(), {1: b"one"})
        await store.add_frames(kept.id, {1: b"uno", 2: b"two"})
        assert await store.frame(kept.id, 1) == (1, b"one")
        assert await store.frame(kept.id, 2) == (2, b"two")
        for step in (-1, MAX_STEP + 1):
            with pytest.raises(ValueError, match=f"no step {step}"):
                await store.add_frames(kept.id, {step: b""})
            with pytest.raises(ValueError, match=f"no step {step}"):
                await store.put(make_handle(), {step: b""})


@run
async def test_handles_are_listed_by_owner_newest_first(place: Place) -> None:
    clock = Clock()
    async with place.open(clock=clock) as store:
        mine = [await store.put(make_handle("me"), {}) for _ in range(5)]
        short = await store.put(make_handle("me", lifetime=1), {})
        (other,) = [await store.put(make_handle(""), {})]
        assert (await store.owned("me")).entries[0].id == short.id
        clock.now += 1
        await store.delete(mine[3].id)
        page, seen = await store.owned("me", 2), []
        while page.next is not None:
            seen.append(page.entries)
            page = await store.owned("me", 2, page.next)
        seen.append(page.entries)
        assert [len(entries) for entries in seen] == [2, 2]
        assert [entry.id for entries in seen for entry in entries] == [
            mine[at].id for at in (4, 2, 1, 0)
        ]
        (entry,) = (await store.owned("")).entries
        assert all(
            getattr(entry, field.name) == getattr(other, field.name)
            for field in dataclasses.fields(entry)
        )
        assert (await store.owned("nobody")).entries == ()


@run
async def test_frames_go_in_the_order_in_which_they_were_not_used(place: Place) -> None:
    handle = make_handle()
    frame = bytes(10 * KiB)
    async with place.open(handle.nbytes + 4 * (len(frame) + OVERHEAD)) as store:
        # Step 1 matters more than step 2: of what came at once, the first counts as used last.
        kept = await store.put(handle, {1: frame, 2: frame})
        await store.add_frames(kept.id, {3: frame})
        await store.add_frames(kept.id, {4: frame})
        await store.frame(kept.id, 3)
        order = []
        for step in (5, 6, 7):
            before = await store.frames(kept.id)
            await store.add_frames(kept.id, {step: frame})
            order += [at for at in before if at not in await store.frames(kept.id)]
        assert [step for step, _ in order] == [2, 1, 4]
        assert (await store.usage()).evictions == 3
        assert (await store.frame(kept.id, 4)) == (3, frame)


@run
async def test_live_handles_never_go(place: Place) -> None:
    clock = Clock()
    handle = make_handle()
    async with place.open(3 * handle.nbytes, clock) as store:
        first = await store.put(make_handle(lifetime=10), {1: b"x" * 100})
        second = await store.put(make_handle(), {1: b"y" * 20, 2: b"z"})
        assert await store.frames(second.id) == [(1, 20)], "what matters less was left out"
        third = await store.put(make_handle(), {1: b"no room"})
        assert await store.frames(third.id) == []
        with pytest.raises(StoreFullError) as full:
            await store.put(handle, {})
        assert not isinstance(full.value, HandleTooLargeError)
        with pytest.raises(UnknownHandleError):
            await store.get(handle.id)
        assert [(await store.get(kept.id)) for kept in (first, second, third)] == [
            first,
            second,
            third,
        ]
        clock.now += 10
        await store.put(handle, {})
        assert (await store.usage()).bytes == 3 * handle.nbytes


@run
async def test_what_fits_no_store_is_refused(place: Place) -> None:
    handle = make_handle()
    async with place.open(handle.nbytes - 1) as store:
        with pytest.raises(HandleTooLargeError):
            await store.put(handle, {})
        assert place.nbytes() == 0


@run
async def test_a_smaller_budget_takes_frames_and_no_handle(place: Place) -> None:
    async with place.open() as store:
        kept = await store.put(make_handle(), FRAMES)
    async with place.open(kept.nbytes + len(FRAMES[4]) + OVERHEAD) as store:
        assert await store.frames(kept.id) == [(4, 4)]
    async with place.open(100) as store:
        assert await store.get(kept.id) == kept
        assert await store.frames(kept.id) == []
        with pytest.raises(StoreFullError):
            await store.put(make_handle(), {})
        await store.add_frames(kept.id, {1: b"one"})
        assert (await store.usage()).bytes == kept.nbytes


@run
async def test_puts_at_once_share_the_budget(place: Place) -> None:
    handles = [make_handle(sample=5 * KiB) for _ in range(60)]
    async with place.open(30 * handles[0].nbytes + 4 * KiB) as store:

        async def put(at: int) -> None:
            await store.put(handles[at], {step: bytes(2 * KiB) for step in range(3)})
            usage = await store.usage()
            assert place.nbytes() <= usage.max_bytes
            assert usage.bytes <= usage.max_bytes

        results = await asyncio.gather(*map(put, range(60)), return_exceptions=True)
        refused = [result for result in results if result is not None]
        assert len(refused) == 30
        assert all(isinstance(result, StoreFullError) for result in refused)
        assert await existing(store, [handle.id for handle in handles]) == 30


@run
async def test_a_put_that_is_cancelled_happened_or_did_not(place: Place) -> None:
    async with place.open() as store:
        handles = [make_handle(sample=5 * KiB) for _ in range(20)]
        tasks = [asyncio.create_task(store.put(handle, FRAMES)) for handle in handles]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        complete = await existing(store, [handle.id for handle in handles])
        usage = await store.usage()
        assert (usage.handles, usage.frames) == (complete, 3 * complete)
        assert usage.bytes == place.nbytes()


async def existing(store: Store, ids: list[str]) -> int:
    there = 0
    for id in ids:
        try:
            assert (await store.get(id)).id == id
        except UnknownHandleError:
            continue
        there += 1
    return there
