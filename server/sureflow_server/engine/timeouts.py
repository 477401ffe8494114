"""How long a worker may be silent before it is killed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a worker may be silent before it is killed.

    Attributes:
        worker_s: While it serves. ``None``: ``least_s``, or ``turns`` times what the longest turn
            of its models should take, whichever is more.
        load_s: While it loads a model and warms it up.
        code_s: While it imports its code, before it loads the first one.
    """

    worker_s: float | None = None
    load_s: float = 600.0
    code_s: float = 120.0
    least_s: float = 30.0
    turns: float = 20.0

    def serving_s(self, turn_s: float) -> float:
        """Seconds of silence that a worker is allowed whose longest turn should take so long."""
        return max(self.least_s, self.turns * turn_s) if self.worker_s is None else self.worker_s
