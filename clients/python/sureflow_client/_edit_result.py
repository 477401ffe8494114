"""What an edit came to."""

from __future__ import annotations

from ._html import gallery_html
from ._result import Result
from ._sample import Sample
from ._wire import Wire


class BranchPoint(Wire):
    """Where a trajectory was left."""

    t: float
    """Flow time in [0, 1]; 0 is noise, 1 is the finished sample."""

    step: int
    """The solver step that begins there, from 0."""


class EditResult(Result):
    """The branches of a trajectory, beside the sample that it came to by itself."""

    at: BranchPoint
    """Where it was left."""

    original: Sample
    """The sample of the handle; without data where ``keep="best"`` and a branch is surer."""

    chosen: int | None
    """Place of the surest branch in ``samples``; ``None`` if the original is at least as sure."""

    replay: str | None = None
    """``approximate`` where the trajectory was made on other kernels, so that the branches leave it
    nearly as it was, not bit for bit; ``None`` otherwise. See ``EditOptions.require_exact``."""

    @property
    def best(self) -> Sample:
        """The surest of all: the chosen branch, or the original."""
        return self.original if self.chosen is None else self.samples[self.chosen]

    def _with(self, samples: tuple[Sample, ...]) -> Result:
        """Return these branches as a plain result, in which ``chosen`` would not mean a thing."""
        members = {name: getattr(self, name) for name in Result.model_fields}
        return Result(**{**members, "samples": samples})

    def _repr_html_(self) -> str:
        title = f"{self.model}, seed {self.seed}, from t = {self.at.t:.2f}; first the original"
        return gallery_html((self.original, *self.samples), title, marked=self.best)
