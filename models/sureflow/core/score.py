"""What a score is to the sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Floats

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots
    from sureflow.families.flow.lanes import Index, Lanes

Arrays = Tensor | npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation of each of ``n`` lanes that has become part of a step.

    Attributes:
        slots: The lanes, ``[n]``.
        where: The same as an index on the device.
        t: Time of each evaluation, ``[n]``.
        weight: What it counts in an integral over time, ``[n]``; the solver's own quadrature. May
            be negative.
        velocity: ``[n, *shape]``, guided where the lane is.
        variance: Its variance per component, likewise.
        trace: The variance's sum over components, ``[n]``, in host memory.
        divergence: Estimate of the velocity's divergence, likewise; of lanes that asked for it.
        reading: What the network's probe read, likewise; of networks with one.
    """

    slots: Slots
    where: Index
    t: Floats
    weight: Floats
    velocity: Tensor
    variance: Tensor
    trace: Floats
    divergence: Floats
    reading: Floats

    def scaled(self, values: Tensor) -> Tensor:
        """``values [n, *shape]`` by their weights."""
        weight = torch.from_numpy(self.weight.astype(np.float32)).to(values.device)
        return values * weight.reshape(-1, *(1 for _ in values.shape[1:]))


@dataclass(frozen=True, slots=True)
class Start:
    """Where a step of each of ``n`` lanes began that is now kept.

    Attributes:
        slots: The lanes, ``[n]``.
        where: The same as an index on the device.
        t: Time, ``[n]``.
        h: Size of the step, ``[n]``.
        x: State, ``[n, *shape]``.
        velocity: There, likewise.
    """

    slots: Slots
    where: Index
    t: Floats
    h: Floats
    x: Tensor
    velocity: Tensor


class Score(ABC):
    """Gathers one score for the lanes that ask for it, all in one struct of arrays.

    A row's numbers depend on that row alone: sums over components are those of
    :func:`~sureflow.moments.reduction.row_sums`, everything else is elementwise.

    Args:
        lanes: The lanes in flight.

    Attributes:
        members: Which slots hold lanes that ask for it, ``[capacity]``.
    """

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.members = np.zeros(lanes.capacity, np.bool_)

    @abstractmethod
    def admit(self, slot: int) -> None:
        """Begin anew for the lane that has just been put into a slot."""

    def state(self) -> dict[str, Arrays]:
        """What is gathered of each lane, by name: arrays ``[capacity, ...]``, views of its own.

        Whoever puts them back has put the lane back where it was.
        """
        return {}

    def jump(self, slot: int, moved: Tensor, slope: Tensor | None) -> None:  # noqa: B027
        """The state of a lane is put, or pulled, elsewhere than its own velocity leads.

        Its start has been moved along, so that the path still adds up to where the lane is.

        Args:
            slot: The lane.
            moved: By how much, ``[*shape]``; zero where it is pulled all along, or where only the
                velocity has become another.
            slope: ``grad log p_t`` where it was, likewise; None where it is not known.
        """

    def renew(self, slot: int, change: Tensor) -> None:  # noqa: B027
        """The noise of a lane is another, and its path is moved there; comes before the jump.

        Velocities gathered so far are less by ``change``, and so is the target: where the path
        ends less the new noise.

        Args:
            slot: The lane, still where it was, with the start that it had.
            change: New noise less old, ``[*shape]``.
        """

    def begin(self, start: Start) -> None:  # noqa: B027
        """A step is kept; comes before its evaluations."""

    def add(self, evaluation: Evaluation) -> None:  # noqa: B027
        """An evaluation is kept."""

    @abstractmethod
    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """Score of lanes if they end at ``end [n, *shape]``, ``[n]``; larger is less sure.

        Halfway ``end`` is the predicted end point, and what has been gathered so far is scaled as
        if the rest were like it, where that makes sense.
        """
