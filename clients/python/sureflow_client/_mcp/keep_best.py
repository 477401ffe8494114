"""The tool ``keep_best``."""

from __future__ import annotations

from pydantic import Field, model_validator

from .._options import Filter
from .generate import awaited
from .made import Made
from .sampling import Seeded
from .tool import Answer, Call, Tool

MOST, MOST_TRIED = 64, 256
TIMES = 4
"""Samples made for each that is to be good, if nothing is said."""


class KeepBest(Seeded):
    """How many good samples, of how many, and what good means."""

    good: int = Field(1, ge=1, le=MOST)
    """How many are wanted."""

    of: int | None = Field(None, ge=1, le=MOST_TRIED)
    """How many to make, with a bound at most; by default four times as many."""

    min_confidence: float | None = None
    """Bound."""

    keep: float | None = None
    """Bound: share of the surest, such as 0.3."""

    max_bad_rate: float | None = None
    """Bound: share of bad ones, as a judge has certified; see list_models."""

    per_class: bool = False
    """In every class."""

    any_good: float | None = None
    """Bound: chance that one is good."""

    @model_validator(mode="after")
    def _fits(self) -> KeepBest:
        if len(self.bounds) > 1:
            raise ValueError(f"give at most one of {', '.join(self.bounds)}")
        if self.of is not None and self.of < self.good:
            raise ValueError("of: there must be at least as many as good")
        if self.any_good is not None and self.good > 1:
            raise ValueError("good: any_good says how many; leave it out")
        if self.per_class and self.max_bad_rate is None:
            raise ValueError("per_class: needs max_bad_rate")
        return self

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds that are given, as a filter has them."""
        given = {
            "min": self.min_confidence,
            "keep": self.keep,
            "max_bad_rate": self.max_bad_rate,
            "any_good": self.any_good,
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def tried(self) -> int:
        """How many samples may be made."""
        return self.of or min(TIMES * self.good, MOST_TRIED)

    @property
    def n(self) -> int | None:
        """Samples to make, or the most of them, where the filter does not say it."""
        if self.any_good is not None:
            return self.of
        return None if self.bounds else self.tried

    def filter(self) -> Filter:
        """Return it as the server has it; without a bound, the surest of a fixed number.

        Of these only few are finished: that costs half, and what comes of it is no worse.
        """
        if not self.bounds:
            return {"top": self.good, "action": "drop", "early": "halving"}
        bound: Filter = {**self.bounds}  # type: ignore[typeddict-item]
        if self.any_good is not None:
            return {**bound, "action": "drop"}
        if self.per_class:
            bound["per"] = "class"
        attempts = self.tried // self.good
        return {**bound, "accept": self.good, "max_attempts": attempts, "action": "drop"}


async def _run(call: Call, asked: KeepBest) -> Answer:
    job = await call.client.jobs.generate(
        asked.model,
        asked.n,
        seed=asked.seed,
        rewind=True,
        filter=asked.filter(),
        **asked.options(),
    )
    return await awaited(call, job, asked.wait_s, asked.picture)


KEEP_BEST = Tool(
    "keep_best",
    "Get so many good samples, and why the rest went: the surest of those made; or, with one "
    "bound, such as pass it, others being made for those that do not.",
    KeepBest,
    Made,
    _run,
    changes="adds",
)
