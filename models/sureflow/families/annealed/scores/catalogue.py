"""The scores of runs by name, and what they mean; free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sureflow.core.family import Meaning
from sureflow.families.annealed.spec import ANNEALING, LADDERED, METHODS

MASS, SWAPS, R_HAT = "missing_mass", "swap_rejection", "r_hat"
REJECTION, ENERGY = "rejection", "energy"

CHAINS = tuple(method for method in METHODS if method != ANNEALING)
SWAPPING = tuple(method for method in LADDERED if method != ANNEALING)


@dataclass(frozen=True, slots=True)
class AnnealedMeaning(Meaning):
    """The meaning of a score of runs.

    Attributes:
        fold: Name of its class in ``scores.folds``.
        methods: The methods that have it.
    """

    fold: str = ""
    methods: tuple[str, ...] = METHODS

    @property
    def kind(self) -> Any:
        """The class, imported when it is first used."""
        return getattr(import_module("sureflow.families.annealed.scores.folds"), self.fold)


SCORES = {
    MASS: AnnealedMeaning(
        "missing mass",
        "nats",
        "minus the log of the normalising constant by the run of this sample alone, by annealing "
        "or by the stones of a ladder; a run that has found less of the target has more",
        "a run that finds one mode only, if all others do too",
        foretells=1.0,
        fold="MissingMass",
        methods=LADDERED,
    ),
    R_HAT: AnnealedMeaning(
        "disagreement",
        "1",
        "split R-hat of the walkers of the run, over coordinates and places on the ladder; 1 if "
        "all have been everywhere, above 1.1 if not",
        foretells=1.0,
        fold="SplitRHat",
        methods=CHAINS,
    ),
    SWAPS: AnnealedMeaning(
        "bottleneck",
        "1",
        "largest share of swaps between neighbours on the ladder that were refused",
        foretells=1.0,
        fold="SwapRejection",
        methods=SWAPPING,
    ),
    REJECTION: AnnealedMeaning(
        "stiffness",
        "1",
        "share of the moves after the warm-up that were refused, of the last point of the run",
        "whether modes are missing",
        foretells=1.0,
        fold="Rejection",
    ),
    ENERGY: AnnealedMeaning(
        "atypicality",
        "nats",
        "minus the log density at the sample, up to a constant",
        "comparing targets",
        foretells=1.0,
        fold="Energy",
    ),
}
