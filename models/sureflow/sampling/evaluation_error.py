"""The error of a sampler whose network cannot be evaluated."""

from __future__ import annotations

import torch

NO_MEMORY = "can't allocate memory"
"""Part of the message of torch's CPU allocator; that for GPUs raises its own exception type."""


class EvaluationError(Exception):
    """The network raised an error. No lane has moved, so the caller may try fewer lanes.

    Attributes:
        rows: Number of network rows in the tick.
        memory: Whether memory ran out.
    """

    def __init__(self, rows: int, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.rows = rows
        kinds = (MemoryError, torch.OutOfMemoryError)
        self.memory = isinstance(cause, kinds) or (
            isinstance(cause, RuntimeError) and NO_MEMORY in str(cause)
        )
