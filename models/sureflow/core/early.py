"""When a lane may be abandoned on the way."""

from __future__ import annotations

from typing import Protocol

from sureflow.core.lane import LaneSpec


class EarlyRule(Protocol):
    """Tells lanes that cannot pass any more from those that may."""

    def should_stop(self, running: float, t: float, spec: LaneSpec, confidence: float) -> bool:
        """Whether a lane may be abandoned.

        Args:
            running: Its score if it ended as is foreseen at ``t``.
            t: Its progress.
            spec: The lane.
            confidence: What it must reach in the end.
        """
        ...
