"""What a gallery shows: one request, or several that belong together."""

from __future__ import annotations

from collections.abc import Iterator

from sureflow_client import Completed, Model, Sample

from .ask import Ask
from .place import Place
from .progress import Progress
from .run import Run, passes


class Group:
    """Requests of one question.

    Attributes:
        ask: The question; ``None`` where nobody knows it any more.
        runs: The requests.
        headings: Names of the settings that are compared; one empty name if none are.
        progress: How far they have come.
        note: What there is to say of how they ended; empty until then.
    """

    def __init__(self, model: Model, ask: Ask | None, runs: list[Run]) -> None:
        self.model, self.ask, self.runs = model, ask, runs
        self.headings = ("",) if ask is None else ask.headings
        self.progress = Progress(sum(run.n for run in runs))
        self.note = ""

    @property
    def place(self) -> Place:
        """Where it is found again."""
        return Place(tuple(run.request for run in self.runs), self.ask)

    @property
    def n(self) -> int:
        """How many samples were asked for."""
        return sum(run.n for run in self.runs)

    def made(self, column: int | None = None) -> Iterator[tuple[Run, Sample]]:
        """Yield the samples that are there, of one setting or of all, in order of arrival."""
        for run in self.runs:
            if column in (None, run.column):
                yield from ((run, sample) for sample in run.samples)

    def samples(self, column: int | None = None) -> list[Sample]:
        """Return the samples that are there."""
        return [sample for _, sample in self.made(column)]

    def ends(self, column: int) -> list[Completed]:
        """Return what the server said at the end of the requests of a setting."""
        return [run.end for run in self.runs if run.column == column and run.end is not None]

    def passing(self, threshold: float) -> int:
        """Return how many samples are at least so confident."""
        return sum(passes(sample, threshold) for sample in self.samples())

    @property
    def several(self) -> bool:
        """Whether samples of several classes were asked for."""
        return len({label for run in self.runs for label in run.labels}) > 1

    def name(self, sample: Sample) -> str:
        """Return what a sample is called among the others."""
        return f"{sample.label} #{sample.index}" if self.several else f"#{sample.index}"

    def finish(self) -> None:
        """Say what the requests came to."""
        ends = [run.end for run in self.runs if run.end is not None]
        seeds = {run.seed for run in self.runs}
        seconds = max((end.usage.compute_s for end in ends), default=0.0)
        saved = sum(end.usage.evaluations_saved for end in ends)
        words = [f"seed {seed}" for seed in seeds if seed is not None]
        words += [f"{seconds:.1f} s", f"{sum(end.usage.evaluations for end in ends)} evaluations"]
        words += [f"{saved} saved by stopping early"] if saved else []
        self.note = " · ".join(words)
