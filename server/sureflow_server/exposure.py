"""How many samples were served with a certificate, of which kind."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sureflow.confidence.served import HUNDREDTHS
from sureflow_server.store import VerdictStore


@dataclass
class Exposure:
    """Counts samples in memory, until they are counted in the store.

    A server that is killed forgets both what it has not yet counted and which samples these were.
    """

    _new: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _order: asyncio.Lock = field(default_factory=asyncio.Lock)

    def add(self, version: str, stratum: str, hundredth: int) -> None:
        """Count a sample that was served with a version of a calibration."""
        self._new[version][f"{hundredth} {stratum}"] += 1

    async def count(self, store: VerdictStore) -> None:
        """Count in the store what was served since.

        Raises:
            StoreError: It cannot be; nothing is lost.
        """
        async with self._order:  # who returns knows that all before is there
            for version in [*self._new]:
                counts = self._new.pop(version)
                try:
                    await store.count(version, counts)
                except BaseException:
                    self._new[version].update(counts)
                    raise


def of_stratum(counted: Mapping[str, int], stratum: str) -> list[int]:
    """How many samples of a stratum were served, by hundredth of their confidence."""
    return [counted.get(f"{k} {stratum}", 0) for k in range(HUNDREDTHS)]
