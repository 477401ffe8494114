"""The score ``revision``: how far the predicted sample moves from step to step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.path import broadcast, factors
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.core.transfer import to_device
from sureflow.moments.reduction import row_sums
from sureflow.moments.square_root import square_root


class Revision(Score):
    """``sqrt(sum_k |f_k - f_(k-1)|^2)`` over the predictions ``f_k`` of a lane's steps.

    Between two steps all noise was drawn anew, so this is the spread of :class:`RenoiseSpread` at
    the noise levels of the sampler, from evaluations that are made anyway.
    """

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._before, self._squares = (fields.tensor(n, *shape) for n in ("before", "squares"))
        self._steps = fields.count("steps")

    def begin(self, step: Step) -> None:
        """Compare the prediction at the start of a step with the one before."""
        x, velocity = step.evidence("state"), step.evidence("velocity")
        predicted = x + factors(1 - step.t, x) * velocity
        moved = (predicted - self._before[step.where]).square()
        first = broadcast(to_device(self._steps[step.slots] == 0, x.device), x)
        self._squares[step.where] += torch.where(first, 0.0, moved)
        self._before[step.where] = predicted
        self._steps[step.slots] += 1

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The distance until now; NaN before the second step."""
        found = square_root(row_sums(self._squares[where].double()))
        revised = torch.from_numpy(np.asarray(self._steps[slots] > 1)).to(found.device)
        return torch.where(revised, found, torch.nan)
