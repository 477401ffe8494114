"""How lanes move: what a process asks the network, and what it makes of the replies."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.frame import Frame
from sureflow.core.lane import Array, FinishReason, LaneSpec, View
from sureflow.core.lanes import Lanes


@dataclass(frozen=True, slots=True)
class Query:
    """Rows for a head of the model.

    Attributes:
        head: Name of the head.
        inputs: By name, each with a row for each row asked for, ``[n, ...]``.
        bucket: Rows of one bucket have equal shapes, and are evaluated together.
    """

    head: str
    inputs: dict[str, Tensor]
    bucket: Hashable = ()

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(next(iter(self.inputs.values())))


Reply = Mapping[str, Tensor]
"""What a head answers, by name, each with a row for each row asked for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a lane leaves behind; the fields are those of :class:`~sureflow.core.lane.Sample`.

    Attributes:
        late: Whether it had to hurry to a deadline, so that it is not what was asked for.
    """

    data: Array
    t: Array
    rate: Array
    finish_reason: FinishReason
    accepted: int
    rejected: int
    evaluations: int
    scores: dict[str, float]
    map: Array = field(default_factory=lambda: np.zeros(0, np.float32))
    start: Array | None = None
    tolerance: float | None = None
    late: bool = False
    abandoned_at: float | None = None
    inversion_error: float | None = None
    frames: tuple[Frame, ...] = ()
    views: tuple[View, ...] = ()
    fields: Mapping[str, Array] = field(default_factory=dict)


class Process(Protocol):
    """How the lanes move that are in it: two halves around the network.

    All is called under ``torch.inference_mode``. A lane never ends by an exception: it is done or
    it has diverged.
    """

    def ask(self, slots: Slots) -> list[Query]:
        """The rows that these running lanes need next."""
        ...

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Move the lanes by the replies to :meth:`ask`; returns masks (done, diverged), ``[n]``."""
        ...

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """What a lane of this spec leaves behind where it stands."""
        ...

    def release(self, slot: int) -> None:
        """Forget a lane, finished or not; its slot may be given to any process."""
        ...


class Phases(Protocol):
    """The processes of a model's lanes, and the way of each lane through them."""

    @property
    def lanes(self) -> Lanes:
        """The lanes."""
        ...

    def along(self, slot: int, spec: LaneSpec, deadline: float) -> Iterator[Process]:
        """The processes of a lane in turn, each with the lane already in it.

        Args:
            slot: A free slot.
            spec: The lane.
            deadline: When the sample must be there, on the clock of :meth:`pace`; infinity if it
                may take its time.
        """
        ...

    def listen(self, listener: Callable[[int, float, float], object]) -> None:
        """Tell somebody ``(slot, t, running score)`` of every lane at every step from now on.

        No lane is then abandoned early.
        """
        ...

    def pace(self, now: float, tick_s: float) -> None:
        """Take note of what the time is, and how long a tick takes at present, in seconds."""
        ...
