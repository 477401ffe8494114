"""The law from which sampling begins, in host memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sureflow.core.arrays import Floats


@dataclass(frozen=True, eq=False)
class Reference:
    """Independent normal components.

    Attributes:
        mean: ``[d]``.
        scale: Standard deviations, ``[d]``.
    """

    mean: Floats
    scale: Floats

    def log_density(self, z: Floats, free: Floats) -> Floats:
        """Log density of the components that are free, ``[n, R]``, at ``z [n, R, d]``.

        ``free [n, d]`` is 1 for a component that is sampled, and 0 for one that is held.
        """
        standard = (z - self.mean) / self.scale
        constant = np.log(self.scale) + np.log(2 * np.pi) / 2
        return np.asarray((-(standard * standard / 2 + constant) * free[:, None]).sum(-1))

    def gradient(self, z: Floats) -> Floats:
        """Gradient of the log density ``[n, R, d]``."""
        return (self.mean - z) / (self.scale * self.scale)


def tempered(beta: Floats, reference: Floats, target: Floats) -> Floats:
    """``(1 - beta) log q + beta log p`` of broadcast arrays; at ``beta = 0`` it is ``log q``."""
    with np.errstate(invalid="ignore"):
        return np.where(beta == 0, reference, (1 - beta) * reference + beta * target)
