"""One request for samples, and what has come of it so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sureflow_client import Completed, GenerateOptions, Model, Sample

Open = Callable[[Sample], object]
"""Opens a sample; what it returns is awaited."""

Order = Literal["surest", "least sure", "arrival"]
ORDERS: tuple[Order, ...] = ("surest", "least sure", "arrival")


@dataclass
class Run:
    """Samples as they arrive.

    Attributes:
        model: Card of the model.
        n: How many were asked for.
        options: What else was.
        column: Number of the setting that it belongs to, where several are compared.
        samples: In order of arrival.
        seed: Of the request, once the server has said it.
        version: Of the model, likewise.
        request: The server's name for the request.
        job: That of the job that makes the samples; ``None`` if there is none any more.
        end: What the server said in the end.
    """

    model: Model
    n: int
    options: GenerateOptions
    column: int = 0
    samples: list[Sample] = field(default_factory=list)
    seed: int | None = None
    version: str = ""
    request: str = ""
    job: str | None = None
    end: Completed | None = None

    @property
    def score(self) -> str:
        """By which the samples are judged; ``""`` before the first one is there."""
        return self.samples[0].method if self.samples else ""

    @property
    def labels(self) -> tuple[int | str | None, ...]:
        """The classes that were asked for, which take turns."""
        return tuple(self.options.get("labels") or (self.options.get("label"),))


def passes(sample: Sample, threshold: float) -> bool:
    """Return whether a sample is at least so confident; one of unknown confidence, only at 0."""
    confidence = sample.confidence
    return threshold <= 0 if confidence is None else confidence >= threshold


def place(samples: list[Sample], sample: Sample, order: Order) -> int:
    """Return the place of a sample among others that are in this order already."""
    if order == "arrival":
        return len(samples)
    return sum(rank(other, order) <= rank(sample, order) for other in samples)


def rank(sample: Sample, order: Order) -> tuple[bool, float, float, int]:
    """Return what samples are sorted by, ascending; unknown confidence comes last."""
    sign = -1.0 if order == "surest" else 1.0
    confidence, doubt = sample.confidence, sample.uncertainty
    known = sign * (confidence or 0.0), -sign * (doubt or 0.0)
    return confidence is None and doubt is None, *known, sample.index
