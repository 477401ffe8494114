"""What all filters have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from sureflow.core.halving import Halving
from sureflow.core.lane import Sample
from sureflow_server.filters.decision import Decision


class Filter(ABC):
    """Decides about the samples of a request. It has no state; the :class:`Run` keeps count."""

    @property
    def floor(self) -> float | None:
        """Confidence below which a sample may be given up on the way; ``None``: no sample may."""
        return None

    @property
    def halving(self) -> Halving | None:
        """How samples are compared on the way, so that few are finished; ``None``: all are."""
        return None

    @abstractmethod
    def decide(self, sample: Sample) -> Decision | None:
        """Decide about a finished sample; ``None`` if that takes all samples of the request."""

    def finalize(self, pending: Sequence[Sample], accepted: int) -> list[Decision]:
        """Decide in the end about the others.

        Args:
            pending: Those about which nothing was decided, in the order of their index.
            accepted: How many others were accepted.
        """
        return []
