"""Renoising of finished crystals, part by part."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats
from sureflow.core.crystal import CELL
from sureflow.core.transfer import to_host
from sureflow.families.crystals.scores import catalogue
from sureflow.families.flow.renoise import Renoise
from sureflow.moments.reduction import row_sums


class CrystalRenoise(Renoise):
    """Asks for the velocities between fresh noise and a crystal, and compares them with the target.

    On the torus the way begins at the order and image of the noise nearest to the crystal.
    """

    def evidence(self, squares: Tensor, variance: Tensor) -> dict[str, Floats]:
        """Mean of ``(r^2 / S + log S) / 2`` of cell, of coordinates, and of both: ``[n]``."""
        nll = (squares / variance + variance.log()).double() / 2
        parts = torch.stack([row_sums(nll[:, :CELL]), row_sums(nll[:, CELL:])])
        sizes = np.array([[nll[0, :CELL].numel()], [nll[0, CELL:].numel()]])
        means = to_host(parts) / sizes
        cell, frac = means.reshape(2, -1, len(self.times)).mean(2)
        return {
            catalogue.CELL: cell,
            catalogue.FRAC: frac,
            catalogue.WHOLE: (cell + frac) / 2,
        }
