"""The scores of token sequences: what they mean, need and cost. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sureflow.core.family import Meaning

PARTS = 4
"""Parts of a sequence, each of which is masked once and predicted by the others."""

AGAIN = 4
"""Times that half of a sequence is masked at random."""

HALF_KNOWN, MOSTLY_KNOWN = 0.5, 0.7
"""Times from which scores are compared on the way. What is known by t = 0.25 tells little: on
``molecules`` the rank correlation of the running surprise with that of the end is 0.3 then, and 0.7
at t = 0.5; with the pseudo-likelihood 0.2 and 0.55."""

PSEUDO, WORST, CONTRAST, FLIPS = "pseudo", "worst", "contrast", "flips"
"""Evidence that is read of finished sequences."""


@dataclass(frozen=True, slots=True)
class TokenMeaning(Meaning):
    """The meaning of a score of sequences.

    Attributes:
        fold: Path of its class.
        reads: Evidence that it reads of a finished sequence; empty for none.
        conditioned: Whether it is of sequences with a condition alone.
    """

    fold: str = ""
    reads: str = ""
    conditioned: bool = False


_HOME = "sureflow.families.tokens.scores.sums"
_NOT_SIZE = "sequences of different lengths: it adds up over tokens"

SCORES: Mapping[str, TokenMeaning] = {
    "entropy": TokenMeaning(
        "openness",
        "nats",
        "how open the tokens were where they were drawn: the entropies of their posteriors",
        _NOT_SIZE,
        foretells=HALF_KNOWN,
        fold=f"{_HOME}:Entropy",
    ),
    "late_entropy": TokenMeaning(
        "openness",
        "nats",
        "the same of tokens drawn after t = 0.5, when half of the sequence is known",
        _NOT_SIZE,
        foretells=MOSTLY_KNOWN,
        fold=f"{_HOME}:LateEntropy",
    ),
    "surprise": TokenMeaning(
        "improbability",
        "nats",
        "how improbable the tokens were where they were drawn: minus the log-probability of this"
        " sequence in this order",
        _NOT_SIZE,
        foretells=HALF_KNOWN,
        fold=f"{_HOME}:Surprise",
    ),
    "peak_surprise": TokenMeaning(
        "improbability",
        "nats",
        "how improbable the most improbable token was where it was drawn",
        foretells=MOSTLY_KNOWN,
        fold=f"{_HOME}:PeakSurprise",
    ),
    "pseudo_likelihood": TokenMeaning(
        "improbability",
        "nats",
        "how improbable the tokens of the finished sequence are, each predicted by the three"
        " quarters without it",
        _NOT_SIZE,
        foretells=HALF_KNOWN,
        fold=f"{_HOME}:PseudoLikelihood",
        reads=PSEUDO,
    ),
    "worst_token": TokenMeaning(
        "improbability",
        "nats",
        "how improbable the most improbable token of the finished sequence is, predicted likewise",
        foretells=HALF_KNOWN,
        fold=f"{_HOME}:WorstToken",
        reads=WORST,
    ),
    "disagreement": TokenMeaning(
        "instability",
        "share",
        "the share of tokens that would be others, if a random half were masked and drawn anew",
        foretells=HALF_KNOWN,
        fold=f"{_HOME}:Disagreement",
        reads=FLIPS,
    ),
    "condition_contrast": TokenMeaning(
        "mismatch",
        "nats",
        "how much less probable the finished sequence is with its condition than without",
        foretells=MOSTLY_KNOWN,
        fold=f"{_HOME}:ConditionContrast",
        reads=CONTRAST,
        conditioned=True,
    ),
}
"""The scores by name."""


def rows_after(scores: tuple[str, ...]) -> int:
    """Rows of the evaluation of a finished sequence that these scores ask for, together."""
    reads = {SCORES[name].reads for name in scores}
    rows = PARTS * bool(reads & {PSEUDO, WORST, CONTRAST})
    return rows + PARTS * (CONTRAST in reads) + AGAIN * (FLIPS in reads)
