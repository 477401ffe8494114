"""Full collections leave what was there at the start alone, and wait until nobody waits."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sureflow_server import garbage
from sureflow_server.garbage import collect_at_rest, freeze_garbage


class Ring:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_has_settled_is_walked_through_no_more() -> None:
    kept = Ring()
    try:
        freeze_garbage()
        assert gc.get_freeze_count() > 10_000
        assert not any(each is kept for each in gc.get_objects())
    finally:
        gc.unfreeze()


def test_what_was_let_go_since_goes_when_it_settles_again() -> None:
    kept = Ring()
    gone = weakref.ref(kept)
    try:
        freeze_garbage()
        del kept
        gc.collect()
        assert gone() is not None
        gc.unfreeze()
        freeze_garbage()
        assert gone() is None
    finally:
        gc.unfreeze()


ENOUGH = 200_000
"""Objects after which the interpreter would have collected all, by itself, at least once."""


@contextmanager
def full_collections() -> Iterator[list[int]]:
    """The collections of all objects meanwhile."""
    seen: list[int] = []

    def note(phase: str, about: dict[str, Any]) -> None:
        if phase == "start" and about["generation"] == 2:
            seen.append(2)

    gc.callbacks.append(note)
    try:
        yield seen
    finally:
        gc.callbacks.remove(note)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LOOK_S", 0.01)


async def grow() -> list[list[None]]:
    """Make many objects, with looks between them, and keep them."""
    kept: list[list[None]] = []
    for _ in range(20):
        kept += [[] for _ in range(ENOUGH // 20)]
        await asyncio.sleep(0.02)
    return kept


@pytest.mark.usefixtures("often")
def test_all_is_collected_when_nobody_waits() -> None:
    async def main() -> None:
        waiting, rests = True, []
        task = asyncio.create_task(collect_at_rest(lambda: waiting, lambda: rests.append(1)))
        await asyncio.sleep(0)
        ring = Ring()
        gone = weakref.ref(ring)
        with full_collections() as seen:
            kept = await grow()
            assert not seen, "while somebody waits"
            del ring
            assert gone() is not None
            waiting = False
            while not rests:
                await asyncio.sleep(0.01)
        assert gone() is None
        assert len(kept) == ENOUGH
        task.cancel()

    before = gc.get_threshold()
    gc.collect()
    freeze_garbage()
    try:
        asyncio.run(main())
    finally:
        gc.unfreeze()
    assert gc.get_threshold() == before


@pytest.mark.usefixtures("often")
def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "OVERDUE", 12)

    async def main() -> None:
        task = asyncio.create_task(collect_at_rest(lambda: True, lambda: None))
        await asyncio.sleep(0)
        with full_collections() as seen:
            await grow()
            assert seen
        task.cancel()

    asyncio.run(main())


@pytest.mark.usefixtures("often")
def test_nothing_is_collected_where_nothing_has_come() -> None:
    async def main() -> None:
        task = asyncio.create_task(collect_at_rest(lambda: False, lambda: None))
        with full_collections() as seen:
            await asyncio.sleep(0.1)
        task.cancel()
        assert not seen

    gc.collect()
    asyncio.run(main())
