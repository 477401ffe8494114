"""Early stopping: the rule that decides whether a running lane is abandoned."""

from __future__ import annotations

from typing import Protocol

from sureflow.core.lane import LaneSpec


class EarlyRule(Protocol):
    """Decides which lanes can no longer reach the confidence that they need."""

    def should_stop(self, running: float, t: float, spec: LaneSpec, confidence: float) -> bool:
        """Whether a lane may be abandoned at progress ``t``, since it will not reach a confidence.

        ``running`` is its score if it ended where it is now predicted to end.
        """
        ...
