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
        patient: Whether that holds also while other models wait to be served; else a model then
            has a quarter of it, or ``least_load_s`` if that is more.
        code_s: While it imports its code, before it loads the first one.
    """

    worker_s: float | None = None
    load_s: float = 600.0
    code_s: float = 120.0
    patient: bool = False
    least_load_s: float = 10.0
    least_s: float = 30.0
    turns: float = 20.0

    def loading_s(self, others_wait: bool) -> float:
        """Seconds of silence that are allowed to a process while it loads a model."""
        if self.patient or not others_wait:
            return self.load_s
        return min(max(self.load_s / 4, self.least_load_s), self.load_s)

    def serving_s(self, turn_s: float) -> float:
        """Seconds of silence that a worker is allowed whose longest turn should take so long."""
        return max(self.least_s, self.turns * turn_s) if self.worker_s is None else self.worker_s
