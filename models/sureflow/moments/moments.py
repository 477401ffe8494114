"""Activations of a layer, with their variance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Moments:
    """Activations of a layer and the variance that the injected noise gives each of them.

    Attributes:
        mean: The noise-free activations, bitwise those of the plain network.
        variance: Variance per entry, same shape as ``mean``, in float32 or wider; ``None`` means
            exactly zero (nothing upstream injects noise), and costs nothing to carry.

    The variance rules treat the entries of a layer's input as independent Gaussians centred on
    ``mean``. The small shift ``E[f(h)] - f(E[h])`` that noise causes in a nonlinear layer is
    neglected, so that the mean path stays that of the plain network; for noise before the final
    linear layer there is no such shift and the result is exact.
    """

    mean: Tensor
    variance: Tensor | None = None

    def map(self, operation: Callable[[Tensor], Tensor]) -> Self:
        """Apply an operation that only moves entries (reshape, permute, slice), which is exact."""
        _, *others = (getattr(self, field.name) for field in fields(self))
        moved = (None if part is None else operation(part) for part in others)
        return type(self)(operation(self.mean), *moved)
