"""The scores ``renoised_nll``: how improbable a crystal is, renoised."""

from __future__ import annotations

from sureflow.families.crystals.scores.catalogue import CELL, FRAC, WHOLE
from sureflow.families.flow.scores.residual import Renoised


class RenoisedNll(Renoised):
    """Mean of ``(r^2 / S + log S) / 2`` at points between fresh noise and the finished crystal.

    ``r`` is the residual of the velocity and ``S`` its variance. The mean over the numbers of the
    cell and that over the coordinates count alike. It is the negative log-likelihood of a
    Gaussian, without its constant. The times are those that the network declares; the evidence
    comes from :class:`~sureflow.families.crystals.renoise.CrystalRenoise`.
    """

    name = WHOLE


class CellNll(RenoisedNll):
    """The same of the cell alone."""

    name = CELL


class FracNll(RenoisedNll):
    """The same of the coordinates alone."""

    name = FRAC
