"""Inputs of a program: their names, shapes and types, and how tensors are fitted to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ProgramInput:
    """An input of a program.

    Attributes:
        name: Its name.
        shape: Its shape, the batch first; ``None`` for a size that is free.
        dtype: Its type of numbers.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: torch.dtype

    @property
    def batch(self) -> int | None:
        """The number of rows it is made for; ``None`` if that is free, 1 for a single number."""
        return self.shape[0] if self.shape else 1

    def fitted(self, value: Tensor) -> Tensor:
        """A tensor ``[B, ...]`` as the program takes it: its type, and dimensions of size 1 added.

        Raises:
            ValueError: Its rows have another shape.
        """
        rows = self.shape[1:]
        if self.shape and value.dim() == 1:
            value = value.reshape(-1, *(1 for size in rows if size in (1, None)))
        sizes = value.shape[1:]
        if len(sizes) != len(rows) or any(
            own not in (None, size) for own, size in zip(rows, sizes, strict=True)
        ):
            raise ValueError(
                f"program: its input {self.name!r} takes rows of shape {written(rows)}, not "
                f"{written(tuple(sizes))}"
            )
        return value.to(self.dtype)


@dataclass(frozen=True, slots=True)
class ProgramOutput:
    """An output of a program: its key (empty if there is one only), and its shape if known."""

    name: str
    shape: tuple[int | None, ...] | None


def written(shape: tuple[int | None, ...]) -> str:
    """A shape in words, with ``*`` for what is free."""
    return f"[{', '.join('*' if size is None else str(size) for size in shape)}]"
