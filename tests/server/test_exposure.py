"""Samples that were served are counted once, and none is lost while the store is away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from sureflow_server.exposure import Exposure, of_stratum
from sureflow_server.store import StoreUnavailableError


class Place:
    """Counts, where it can be reached."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.away = False

    async def count(self, version: str, served: Mapping[str, int]) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailableError("it is away")
        self.counts.setdefault(version, Counter()).update(served)


def test_they_are_counted_once() -> None:
    async def run() -> None:
        place: Any = Place()
        exposure = Exposure()
        for number in range(10):
            exposure.add("1", "a", number % 2)
        exposure.add("2", "", 100)
        await asyncio.gather(*(exposure.count(place) for _ in range(3)))
        assert place.counts == {"1": {"0 a": 5, "1 a": 5}, "2": {"100 ": 1}}
        assert of_stratum(place.counts["1"], "a") == [5, 5, *[0] * 99]
        assert of_stratum(place.counts["2"], "") == [*[0] * 100, 1]
        place.away = True
        exposure.add("1", "a", 1)
        with pytest.raises(StoreUnavailableError):
            await exposure.count(place)
        exposure.add("1", "a", 1)
        place.away = False
        await exposure.count(place)
        assert place.counts["1"]["1 a"] == 7

    asyncio.run(run())
