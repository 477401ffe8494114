"""What became of the requests of a simulated run, and of the ticks that served them."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from benchmarks.simulate.machine import Neighbour


@dataclass(slots=True)
class Asked:
    """A request, and what became of it.

    Attributes:
        at: When it came.
        deadline: When it has to be done.
        end: When it was done; infinite where it was not.
        refused: Whether it was refused at once.
        hurried: Whether a sample widened its tolerance to be in time.
    """

    at: float
    deadline: float
    end: float = inf
    refused: bool = False
    hurried: bool = False

    @property
    def good(self) -> bool:
        """Whether it was done in time and as it should be."""
        return self.end <= self.deadline and not self.hurried

    @property
    def late(self) -> bool:
        """Whether it was accepted and given up."""
        return self.end > self.deadline and not self.refused

    def overlaps(self, neighbour: Neighbour) -> bool:
        """Whether the neighbour was there at some time of those that it had."""
        return self.at < neighbour.end and self.deadline > neighbour.begin


@dataclass(slots=True)
class Seen:
    """A run.

    Attributes:
        asked: Requests in the order of their arrival.
        ticks: When each tick began, and its rows.
    """

    asked: list[Asked] = field(default_factory=list)
    ticks: list[tuple[float, int]] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """How many requests were refused."""
        return sum(each.refused for each in self.asked)

    def came(self, begin: float, end: float) -> list[Asked]:
        """Requests that came within this time."""
        return [each for each in self.asked if begin <= each.at < end]

    def goodput(self, begin: float, end: float) -> float:
        """Good answers per second among requests that came within this time."""
        return sum(each.good for each in self.came(begin, end)) / (end - begin)

    def rows(self, begin: float, end: float) -> list[int]:
        """Rows of each tick that began within this time."""
        return [rows for at, rows in self.ticks if begin <= at < end]
