"""What was learned of verdicts."""

from __future__ import annotations

from pydantic import Field

from ._result import Usage
from ._wire import Wire


class Interval(Wire):
    """A number, and the bounds between which it is in 95 % of all resamples of the samples."""

    value: float
    """As measured."""

    low: float
    """The lower bound."""

    high: float
    """The upper one."""

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


class Refit(Wire):
    """What a job of `Jobs.refit` came to: a version of a model, judged by a probe."""

    model: str
    """Name of the model whose samples were judged."""

    model_version: str
    """Its checksum, as before: nothing changes about it."""

    name: str
    """Name of the new version; `Client.load_model` takes it into service."""

    version: str
    """Its checksum."""

    calibration_version: str
    """That of what turns its score ``probe`` into confidence. It has no certificate."""

    judged: int
    """Samples that the probe was fitted to."""

    bad: int
    """Of these."""

    spearman: float
    """Rank correlation with the verdicts, of samples that were left out of the fit."""

    auroc: Interval | None = Field(default=None)
    """How often, of two such samples of a class of which one is bad, the probe finds that the less
    sure. ``None`` where fewer than five are bad, or are not."""

    score: str
    """The score in use, by which the model is judged now."""

    in_use: Interval | None = Field(default=None)
    """The same of that."""

    gain: Interval | None = Field(default=None)
    """The first less the second."""

    certificates: int
    """Those of the model, which are about another score and stay with it."""

    usage: Usage
    """What it cost."""

    warnings: tuple[str, ...] = ()
    """What went wrong and did not keep it from being done."""
