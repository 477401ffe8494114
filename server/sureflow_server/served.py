"""What was answered of late, so that a sample can be named by its answer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from sureflow.core.lane import LaneSpec

SAMPLES = 20_000
"""Samples that are remembered; those of the oldest answers are forgotten."""


COUNTS_FOR = "counts_for"
"""Fact of a sample that its client has not chosen: the version of the calibration for or against
whose certificate it counts."""


@dataclass(frozen=True, slots=True)
class Served:
    """A sample that was made for somebody.

    Attributes:
        model: Name of its model.
        model_version: The version that made it.
        spec: Its lane, without frames.
        facts: Its record without arrays.
    """

    model: str
    model_version: str
    spec: LaneSpec
    facts: dict[str, Any]


@dataclass
class ServedSamples:
    """Remembers the samples of the last answers, in memory alone.

    Attributes:
        most: How many.
    """

    most: int = SAMPLES
    _known: OrderedDict[tuple[str, str], dict[int, Served]] = field(default_factory=OrderedDict)
    _count: int = 0

    def add(self, owner: str, answer: str, samples: dict[int, Served]) -> None:
        """Remember the samples of an answer by their index; an answer larger than all is not."""
        if len(samples) > self.most:
            return
        self._count += len(samples) - len(self._known.pop((owner, answer), ()))
        self._known[owner, answer] = samples
        while self._count > self.most:
            _, gone = self._known.popitem(last=False)
            self._count -= len(gone)

    def find(self, owner: str, answer: str, index: int) -> Served | None:
        """Return a sample of an answer to this owner; ``None`` if it is not remembered."""
        return self._known.get((owner, answer), {}).get(index)
