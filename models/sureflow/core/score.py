"""What a score is: a number of a lane, folded over its steps from evidence by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Integers, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.path import broadcast

Evidence = Callable[[str], Any]
"""What is known of some lanes, by name; looked up only where a score wants it."""

Part: TypeAlias = Flags | slice
"""Which of some lanes, as an index into arrays with an entry for each."""

EVERY = slice(None)
"""All of them."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an evaluation of each of ``n`` lanes showed, or the beginning of a step.

    Attributes:
        slots: The lanes, ``[n]``.
        where: The same as an index on the device.
        t: Progress at which it was made, ``[n]``.
        weight: What it counts in an integral over time, ``[n]``; the solver's own quadrature, and
            perhaps negative. Of a beginning, the size of the step.
        evidence: By name: tensors ``[n, ...]`` on the device, numbers ``[n]`` in host memory.
    """

    slots: Slots
    where: Index
    t: Floats
    weight: Floats
    evidence: Evidence

    def scaled(self, values: Tensor) -> Tensor:
        """``values [n, *shape]`` by their weights."""
        weight = torch.from_numpy(self.weight.astype(np.float32)).to(values.device)
        return values * broadcast(weight, values)


class Score(ABC):
    """Gathers one score for the lanes that ask for it, all in one struct of arrays.

    It knows evidence by name, and neither process nor other scores. A row's numbers depend on that
    row alone: sums over components are those of :func:`~sureflow.moments.reduction.row_sums`,
    everything else is elementwise.

    Args:
        fields: Where it adds what it keeps of each lane.
        shape: Of one sample.

    Attributes:
        costly: Evidence that costs rows of its own, which it asks for by :meth:`wants`.
    """

    costly: ClassVar[tuple[str, ...]] = ()

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        self.shape = shape

    @abstractmethod
    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin anew for the lane that has just been put into a slot."""

    def wants(self, name: str, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes, about to be evaluated at ``t [n]``, need this costly evidence."""
        return np.ones(len(slots), np.bool_)

    def inputs(self, evidence: str, where: Index) -> Tensor:
        """What costly evidence is asked with, such as a direction, ``[n, ...]``."""
        raise NotImplementedError

    def see(self, step: Step) -> None:  # noqa: B027
        """Costly evidence has come, whether or not the step is kept."""

    def begin(self, step: Step) -> None:  # noqa: B027
        """A step is kept; comes before its evaluations."""

    def add(self, step: Step) -> None:  # noqa: B027
        """An evaluation is kept."""

    def jump(self, slot: int, evidence: Evidence) -> None:  # noqa: B027
        """The state of a lane is put, or pulled, elsewhere than its own velocity leads.

        Its start has been moved along, so that the path still adds up to where the lane is.

        Args:
            slot: The lane.
            evidence: ``t``; ``moved``, by how much, ``[*shape]``, zero where it is pulled all along
                or only the velocity has become another; ``slope``, ``grad log p_t`` where it was,
                ``[*shape]``, None where it is not known.
        """

    def renew(self, slot: int, evidence: Evidence) -> None:  # noqa: B027
        """The noise of a lane is another, and its path is moved there; comes before the jump.

        Velocities gathered so far are less by ``change``, and so is the target: where the path
        ends less the new noise.

        Args:
            slot: The lane, still where it was, with the start that it had.
            evidence: ``t``, ``state``, ``start``, and ``change``, new noise less old, ``[*shape]``.
        """

    def recondition(self, slot: int, spec: LaneSpec) -> None:  # noqa: B027
        """The lane is a sample of something else from here on."""

    @abstractmethod
    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Score of lanes if they end at ``end``, ``[n]``; larger is less sure.

        Halfway ``end`` is the predicted end point, and what has been gathered so far is scaled as
        if the rest were like it, where that makes sense.
        """


class Fields(Protocol):
    """Where a score adds what it keeps of each lane; zero at first."""

    def tensor(self, name: str, *shape: int) -> Tensor:
        """An array on the device, ``[capacity, *shape]``, float32."""
        ...

    def number(self, name: str) -> Floats:
        """A number in host memory, ``[capacity]``."""
        ...

    def count(self, name: str) -> Integers:
        """A whole number in host memory, ``[capacity]``."""
        ...

    def flag(self, name: str) -> Flags:
        """A flag in host memory, ``[capacity]``."""
        ...
