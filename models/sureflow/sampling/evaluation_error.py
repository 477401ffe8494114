"""What a sampler raises when its network cannot be evaluated."""

from __future__ import annotations

import torch

NO_MEMORY = "can't allocate memory"
"""In what torch's allocator for the CPU says; the one for a GPU has an exception of its own."""


class EvaluationError(Exception):
    """The network raised something; no lane has moved, so fewer lanes may be tried.

    Attributes:
        rows: Network rows that it was asked for.
        memory: Whether it ran out of memory.
    """

    def __init__(self, rows: int, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.rows = rows
        self.memory = out_of_memory(cause)


def out_of_memory(error: Exception) -> bool:
    """Whether fewer rows might have been possible."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or (isinstance(error, RuntimeError) and NO_MEMORY in str(error))


def lost(error: Exception) -> bool:
    """Whether the device cannot be used any more by this process, whatever it is asked for."""
    return isinstance(error, torch.AcceleratorError)
