"""Processes: how lanes move, by what they ask of the network and by its replies."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.lane import LaneSpec, Result
from sureflow.core.lanes import Lanes, Suspended

Bucket = Hashable
"""Lanes whose rows have equal shapes are in one bucket. It is ``()`` for those of the shape that
the model makes by default, the only one of most models."""


@dataclass(frozen=True, slots=True)
class Query:
    """Rows that a head of the model is asked to evaluate.

    Attributes:
        head: Name of the head.
        inputs: Inputs by name, each ``[n, ...]`` for ``n`` rows.
        bucket: Rows of one head and one bucket have equal shapes and are evaluated together.
    """

    head: str
    inputs: dict[str, Tensor]
    bucket: Bucket = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return next(iter(self.inputs.values())).shape[0]


Reply = Mapping[str, Tensor]
"""The answers of a head by name, each ``[n, ...]`` for the ``n`` rows of a query."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outcome(Result):
    """The result of a lane.

    Attributes:
        late: Whether the lane widened its tolerance to meet a deadline, so that the sample differs
            from the one that its spec describes.
    """

    late: bool = False


class Process(Protocol):
    """Moves lanes in two halves: it asks for rows of the network, and it is told the replies.

    All methods are called under ``torch.inference_mode``. No lane ends by an exception.
    """

    def ask(self, slots: Slots) -> list[Query]:
        """The rows that these lanes need next."""
        ...

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Move the lanes by the replies to :meth:`ask`; returns masks (done, diverged), ``[n]``."""
        ...

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """The result of a lane in its present state."""
        ...

    def release(self, slot: int) -> None:
        """Forget a lane, finished or not. Another process may use its slot afterwards."""
        ...


class Phases(Protocol):
    """The processes of a model's lanes, and the order in which each lane goes through them."""

    @property
    def lanes(self) -> Lanes:
        """The lanes in flight."""
        ...

    def processes(self, slot: int, spec: LaneSpec, deadline: float) -> Iterator[Process]:
        """Yield the processes of a lane one after another, each once the lane is admitted to it.

        ``deadline`` is the time at which the sample must be finished, on the clock of the lanes.
        """
        ...


class ResumablePhases(Phases, Protocol):
    """Phases of lanes that can be compared on the way, and leave their slots for that.

    A family needs them if its :meth:`~sureflow.core.family.Family.halving_obstacle` finds none.
    """

    def resumed(
        self, slot: int, spec: LaneSpec, deadline: float, suspended: Suspended
    ) -> Iterator[Process]:
        """Yield the processes of a lane that goes on from where it was suspended."""
        ...
