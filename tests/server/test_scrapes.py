"""Many who ask for metrics cost no more than a few."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from sureflow_server import scrapes
from sureflow_server.scrapes import Scrapes


def counting() -> Scrapes:
    numbers = count(1)
    return Scrapes(lambda: str(next(numbers)).encode())


def test_all_who_wait_share_a_page() -> None:
    async def ask() -> list[bytes]:
        made = counting()
        return await asyncio.gather(*(made.page() for _ in range(1000)))

    assert asyncio.run(ask()) == [b"1"] * 1000


def test_a_page_is_made_after_it_was_asked_for() -> None:
    async def ask() -> list[bytes]:
        made = counting()
        return [await made.page() for _ in range(3)]

    assert asyncio.run(ask()) == [b"1", b"2", b"3"]


def test_there_are_few_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the clock of a loop, one that asks again and again gets one in each interval."""
    monkeypatch.setattr(scrapes, "EVERY_S", 0.05)

    async def ask() -> int:
        made, clock = counting(), asyncio.get_running_loop().time
        begun, pages = clock(), 0
        while clock() < begun + 0.5:
            await made.page()
            pages += 1
        return pages

    assert 1 < asyncio.run(ask()) <= 11


def test_who_leaves_takes_the_page_from_nobody() -> None:
    async def ask() -> bytes:
        made = counting()
        leaving, staying = (asyncio.create_task(made.page()) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert asyncio.run(ask()) == b"1"
