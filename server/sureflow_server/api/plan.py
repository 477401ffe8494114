"""What a valid request comes to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from sureflow.core.card import ModelCard
from sureflow.core.family import Family, cost_of, family_of
from sureflow.core.halving import Halving
from sureflow.core.lane import LaneSpec, Sample
from sureflow.core.schema import Schema
from sureflow_server.api.encoding import array_bytes
from sureflow_server.api.handle_options import HandleOptions
from sureflow_server.engine.job import Follow
from sureflow_server.filters import Balanced, Filter, Rewinding, Rounds, SecondStage, Target

Kind = Literal["generate", "edit", "invert", "calibrate", "refit"]

FACTS_BYTES = 2048
"""Of the record of a sample without its arrays, about."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request comes to.

    Attributes:
        kind: What it is counted as.
        card: The model.
        seed: Of what is drawn.
        lanes: Those that start at once.
        filter: Decides about samples.
        form: How samples travel.
        profile: Whether the uncertainty over time is returned.
        map: Whether that of every component is.
        deadline_s: Seconds after which the request is given up.
        priority: Higher ones first.
        handles: What is kept of trajectories; ``None`` gives them no handles.
        parent: Id of the handle that the lanes branch off from.
        exact: Whether these kernels make the lanes again bit for bit; not where they branch off
            from a trajectory of other kernels.
        warnings: What the request asks for that cannot be done, and is not needed.
        asked: The request itself, in our words whoever asked; ``None`` if nobody reads it again.
        drawn: Whether the server has drawn the seed, so that the samples are a client's choice in
            nothing else.
        turns: Lanes of several classes, which take turns: sample ``i`` is made by that of place
            ``i % len(turns)``. None where all lanes differ in their index alone.
        then: Asks a judge about samples that the filter accepts.
        traced: Whether answers name the training sample that is nearest to each sample.
    """

    kind: Kind
    card: ModelCard
    seed: int
    lanes: tuple[LaneSpec, ...]
    filter: Filter | None = None
    form: str = ""
    profile: bool = False
    map: bool = False
    deadline_s: float | None = None
    priority: int = 0
    handles: HandleOptions | None = None
    parent: str | None = None
    exact: bool = True
    warnings: tuple[str, ...] = ()
    asked: Schema | None = None
    turns: tuple[LaneSpec, ...] = ()
    then: SecondStage | None = None
    drawn: bool = False
    traced: bool = False

    @property
    def family(self) -> Family:
        """That of the model."""
        return family_of(self.card)

    @property
    def follow(self) -> Follow | None:
        """What a finished lane calls for."""
        if not isinstance(self.filter, (Target, Balanced, Rewinding)):
            return None
        return self._follow_in_turn if self.turns else self.filter.follow

    @property
    def halving(self) -> Halving | None:
        """How the lanes are compared on the way, if they are."""
        return None if self.filter is None else self.filter.halving

    @property
    def rounds(self) -> Rounds | None:
        """What further lanes the request calls for once all have ended."""
        return self.filter if isinstance(self.filter, Rounds) else None

    @property
    def record_bytes(self) -> int:
        """Bytes of the record of one of its samples, about."""
        arrays = prod(self.card.shape) + (prod(self.card.state_shape) if self.map else 0)
        series = 2 * cost_of(self.lanes[0]).steps if self.profile else 0
        return FACTS_BYTES + array_bytes(arrays, self.form) + array_bytes(series, "list")

    @property
    def answer_bytes(self) -> int:
        """Bytes of its answer, about."""
        return len(self.lanes) * self.record_bytes

    def lane(self, index: int) -> LaneSpec:
        """The lane that makes the sample of an index, unless it was rewound."""
        turns = self.turns or self.lanes[:1]
        return replace(turns[index % len(turns)], index=index)

    def _follow_in_turn(self, sample: Sample, launched: int) -> LaneSpec | None:
        """What a finished lane calls for, of the class whose turn it is."""
        assert isinstance(self.filter, (Target, Balanced, Rewinding))
        following = self.filter.follow(sample, launched)
        if following is None or isinstance(self.filter, Rewinding):
            return following
        return self.lane(following.index)

    def index_of(self, lane: int) -> int:
        """Index of the sample that a lane makes, by its number among those of the request."""
        return int(self.lanes[0].index) + lane

    def rewound_from(self, index: int) -> int | None:
        """Index of the sample of this request that one was rewound from."""
        if isinstance(self.filter, Rewinding) and self.filter.place(index) >= self.filter.count:
            return index - self.filter.count
        return None
