"""Scores of finished samples, read by networks beside the model, whatever made the samples.

A running lane is scored by the sample that it is expected to come to.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.score import Evidence, Score


class _Finished(Score):
    """What a scorer reads of the end; larger is less sure."""

    name: ClassVar[str]

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The reading, ``[n]``."""
        found: Tensor = evidence(self.name)
        return found


class Critic(_Finished):
    """Of a :class:`~sureflow.networks.scorers.critic.Critic`, in data units."""

    name = "critic"


class Circuit(_Finished):
    """Of a :class:`~sureflow.networks.scorers.circuit.Circuit`: ``-log p``, in nats."""

    name = "circuit"
