"""The scores: sums over the tokens, and what was read of the finished sequence.

Their evidence is of host memory: ``entropy``, ``surprise`` and ``drawn_at`` are ``[n, length]``,
``left`` is the entropy of the tokens that are still masked, ``[n]``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index, Slots
from sureflow.core.score import Evidence, Score
from sureflow.families.tokens.scores.catalogue import CONTRAST, FLIPS, PSEUDO, WORST

LATE = 0.5
"""From when on tokens count as late."""


class _Sum(Score):
    """A score of what is known of a lane at any time; larger is less sure."""

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The score ``[n]``; what is still masked counts with its entropy."""
        return torch.from_numpy(self.known(evidence) + evidence("left"))

    def known(self, evidence: Evidence) -> Floats:
        """The part of the tokens that are known."""
        raise NotImplementedError


class Entropy(_Sum):
    """Entropies of the posteriors of the tokens where they were drawn."""

    def known(self, evidence: Evidence) -> Floats:
        """Their sum."""
        total: Floats = evidence("entropy").sum(-1)
        return total


class LateEntropy(_Sum):
    """The same, of the tokens that were drawn late."""

    def known(self, evidence: Evidence) -> Floats:
        """Their sum."""
        late = evidence("drawn_at") >= LATE
        total: Floats = np.where(late, evidence("entropy"), 0.0).sum(-1)
        return total


class Surprise(_Sum):
    """``-log p`` of the tokens where they were drawn."""

    def known(self, evidence: Evidence) -> Floats:
        """Their sum."""
        total: Floats = evidence("surprise").sum(-1)
        return total


class PeakSurprise(Score):
    """The largest ``-log p`` of a token where it was drawn."""

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The largest so far, ``[n]``."""
        return torch.from_numpy(evidence("surprise").max(-1))


class _Read(Surprise):
    """A score that is read of the finished sequence; before, its surprise foretells it."""

    name: str

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """What was read, ``[n]``; NaN of a sequence that is not finished."""
        return torch.from_numpy(evidence(self.name))

    def foreseen(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """How improbable its tokens were, and are expected to be."""
        return super().values(slots, where, evidence)


class PseudoLikelihood(_Read):
    """Minus the pseudo-log-likelihood, by parts (Salazar et al., Masked LM Scoring, 2020)."""

    name = PSEUDO


class WorstToken(_Read):
    """Its largest term."""

    name = WORST


class Disagreement(_Read):
    """The expected share of tokens that change if half of them are drawn anew."""

    name = FLIPS


class ConditionContrast(_Read):
    """The pseudo-log-likelihood without the condition, less that with it."""

    name = CONTRAST
