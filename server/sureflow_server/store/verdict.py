"""What a person or a judge says of one sample."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

GOOD, BAD = 0.0, 1.0
"""Verdicts are numbers, larger is worse; these two are those that have a name."""

SERVED = "served"
"""Stream of verdicts on samples that clients chose themselves."""

FACTS_BYTES = 4096
"""Of the facts of a verdict at most."""

PREFIX = "drw_"
_DRAW = re.compile(rf"{PREFIX}([0-9a-f]{{16}})_([0-9]{{1,9}})", re.ASCII)


class Draw(NamedTuple):
    """A draw of a stream, which a review proposes."""

    stream: str
    number: int

    @property
    def id(self) -> str:
        """By which clients name it."""
        return f"{PREFIX}{self.stream}_{self.number}"

    @classmethod
    def of(cls, id: str) -> Draw | None:
        """Read an id; ``None`` if it is none."""
        found = _DRAW.fullmatch(id)
        return None if found is None else cls(found[1], int(found[2]))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict, which replaces what the same reviewer has said of the same sample before.

    Attributes:
        model: Name of the model.
        model_version: The version that made the sample.
        stream: The stream of draws that the sample is of, or :data:`SERVED`.
        sample: What tells it from the other samples of the model.
        reviewer: Id of the key; empty without authentication.
        name: What people call the reviewer.
        bad: How bad the sample is: :data:`GOOD`, :data:`BAD`, or any other number.
        at: Seconds since the epoch.
        facts: What the server knows of the sample, as JSON.
    """

    model: str
    model_version: str
    stream: str
    sample: str
    reviewer: str
    name: str
    bad: float
    at: float
    facts: str

    @property
    def place(self) -> Place:
        """Where it is kept, and what it replaces."""
        return Place(self.model, self.stream, self.sample, self.reviewer)


class Successor(NamedTuple):
    """A calibration that is in place of others.

    Attributes:
        version: Its own.
        instead: Versions of those that it is in place of.
    """

    version: str
    instead: tuple[str, ...]


class Place(NamedTuple):
    """What a reviewer has said of a sample, if anything."""

    model: str
    stream: str
    sample: str
    reviewer: str
