"""The catalogue of the scores of crystals and their meanings: plain data, free of torch.

Adherence is not among them: of crystals it ranks stable ones below others. Neither is a likelihood:
on the torus the variance does not determine the divergence.
"""

from __future__ import annotations

from sureflow.families.flow.scores.catalogue import SCORES as FLOW
from sureflow.families.flow.scores.catalogue import FlowMeaning

HERE = "sureflow.families.crystals.scores"

MOST_DRAWS = 12
"""Most rows that a finished crystal is renoised in."""

WHOLE, CELL, FRAC = "renoised_nll", "renoised_nll_cell", "renoised_nll_frac"
"""Names of evidence and scores: of cell and coordinates together, and of each."""

SAYS = (
    "how improbable the finished {} from what the model expects of it on the way from fresh noise:"
    " mean of (r^2 / S + log S) / 2, with residual r and its variance S"
)


def _renoised(what: str, fold: str) -> FlowMeaning:
    """The meaning of a score of renoised crystals, of all of them or of a part."""
    return FlowMeaning(
        "improbability",
        "nats per number",
        SAYS.format(what),
        not_for="crystals of different numbers of atoms beside each other",
        needs_variance=True,
        foretells=1.0,
        after=MOST_DRAWS,
        fold=f"{HERE}.renoised_nll:{fold}",
    )


SCORES: dict[str, FlowMeaning] = {
    WHOLE: _renoised("crystal is", "RenoisedNll"),
    CELL: _renoised("cell is", "CellNll"),
    FRAC: _renoised("coordinates are", "FracNll"),
    "propagated_cell": FlowMeaning(
        "ambiguity",
        "squared logarithms of lengths",
        "how much of the cell was open along the path: the integral of its variance over time",
        not_for="whether the result is right",
        needs_variance=True,
        fold=f"{HERE}.propagated:PropagatedCell",
    ),
    "propagated_frac": FlowMeaning(
        "ambiguity",
        "squared fractional coordinates",
        "how much of the coordinates was open along the path: the integral of their variance over"
        " time, per atom",
        not_for="whether the result is right",
        needs_variance=True,
        fold=f"{HERE}.propagated:PropagatedFrac",
    ),
    **{
        name: FLOW[name]
        for name in (
            *("trajectory", "propagated", "propagated_late", "straightness"),
            *("path_residual", "pooled_residual", "probe", "ignorance"),
        )
    },
}
