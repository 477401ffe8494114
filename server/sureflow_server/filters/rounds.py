"""So many samples that pass, in rounds of which only the surest are finished."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from sureflow.core.halving import RUNGS, Halving, halve
from sureflow.core.lane import LaneSpec, Sample
from sureflow_server.filters.decision import Decision
from sureflow_server.filters.filter import Filter
from sureflow_server.filters.threshold import Threshold


@dataclass(frozen=True, slots=True)
class Rounds(Filter):
    """A filter that makes rounds of samples until enough have passed.

    A round starts several lanes for each sample that is still missing, and compares them on the
    way, so that only as many are finished as are missing. The next one begins once all lanes of a
    round have ended. So which samples are made does not depend on the order in which they finish.

    Attributes:
        threshold: What a sample has to pass, and what becomes of it otherwise.
        count: How many shall pass.
        times: Lanes that are started for each that is missing.
        max_attempts: How many times ``count`` lanes may be started in all.
        rungs: Times at which lanes are compared.
        first: Index of the first sample.
    """

    threshold: Threshold
    count: int
    times: int
    max_attempts: int
    rungs: tuple[float, ...] = RUNGS
    first: int = 0

    @property
    def begun(self) -> int:
        """Lanes of the first round."""
        return self._lanes(0, 0)

    @property
    def halving(self) -> Halving:
        """How the lanes of the first round are compared."""
        return halve(self.begun, min(self.begun, self.count), self.rungs)

    def next_round(
        self, spec: LaneSpec, passed: int, launched: int
    ) -> tuple[list[LaneSpec], Halving] | None:
        """Return the round after those in which so many lanes were started, and so many passed."""
        lanes = self._lanes(passed, launched)
        if lanes <= 0:
            return None
        indices = range(self.first + launched, self.first + launched + lanes)
        specs = [replace(spec, index=index) for index in indices]
        return specs, halve(lanes, min(self.count - passed, lanes), self.rungs)

    def passes(self, sample: Sample) -> bool:
        """Whether a sample is good enough."""
        return self.threshold.passes(sample)

    def decide(self, sample: Sample) -> Decision:
        """Compare the score of a sample with the bound; the attempt is the share of the limit."""
        attempt = (sample.spec.index - self.first) // self.count + 1
        return self.threshold.decide(sample, attempt)

    def _lanes(self, passed: int, launched: int) -> int:
        room = self.count * self.max_attempts - launched
        return min(self.times * (self.count - passed), room)


def times_for(minimum: float | None, most: int) -> int:
    """How many lanes to start for one that passes, of which a share of ``1 - minimum`` does.

    Confidence is a share of the model's own draws. Where there is no minimum of it, or none that a
    share passes, they are ``most``.
    """
    if minimum is None or minimum >= 1:
        return most
    return min(max(ceil(round(1 / (1 - max(minimum, 0.0)), 9)), 1), most)
