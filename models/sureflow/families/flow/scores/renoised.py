"""Would the model expect the finished sample again, from fresh noise?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats
from sureflow.core.score import Arrays, Score

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots
    from sureflow.families.flow.lanes import Lanes


class Renoised(Score):
    """``mean |u - v|^2 / tr Sigma`` at points between the finished sample and fresh noise.

    ``u`` is the way from that noise to the sample, so that 1 is as expected. Nothing is gathered
    on the way: :class:`~sureflow.families.flow.renoise.Renoise` makes the score once the sample is
    there.
    """

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self._value = np.full(lanes.capacity, np.nan)

    def admit(self, slot: int) -> None:
        """Begin without an answer."""
        self._value[slot] = np.nan

    def state(self) -> dict[str, Arrays]:
        """The answer; there is none on the way."""
        return {"value": self._value}

    def answer(self, slots: Slots, values: Floats) -> None:
        """Take the score of these lanes, ``[n]``."""
        self._value[slots] = values

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """The score; NaN before the sample is finished."""
        return torch.from_numpy(self._value[slots])
