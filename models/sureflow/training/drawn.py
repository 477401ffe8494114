"""What a source of training samples draws."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor


class Drawn(NamedTuple):
    """Samples with what they are conditioned on.

    Attributes:
        samples: In the network's data units, ``[n, *shape]``.
        labels: ``[n]``; zeros where there are none.
        conditions: Named arrays ``[n, ...]``, as far as there are any.
    """

    samples: Tensor
    labels: Tensor
    conditions: Mapping[str, Tensor] = MappingProxyType({})
