"""From a valid request to the lanes of a model, or to the field that the model cannot serve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sureflow.core.card import ModelCard
from sureflow.core.family import Family, family_of
from sureflow.core.lane import LaneSpec
from sureflow_server.api.handle_options import HandleOptions, handle_options
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.resolve import card_of, form_of, lane_of, scores_of, seed_of
from sureflow_server.api.resolve_filter import resolve_filter
from sureflow_server.engine.job import Follow
from sureflow_server.filters import Filter, Rewinding, Target
from sureflow_server.service import Service

Kind = Literal["generate", "edit", "invert", "calibrate"]


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
    """

    kind: Kind
    card: ModelCard
    seed: int
    lanes: tuple[LaneSpec, ...]
    filter: Filter | None
    form: str
    profile: bool
    map: bool
    deadline_s: float | None
    priority: int
    handles: HandleOptions | None = None
    parent: str | None = None
    exact: bool = True

    @property
    def family(self) -> Family:
        """That of the model."""
        return family_of(self.card)

    @property
    def follow(self) -> Follow | None:
        """What a finished lane calls for."""
        return self.filter.follow if isinstance(self.filter, (Target, Rewinding)) else None

    def rewound_from(self, index: int) -> int | None:
        """Index of the sample of this request that one was rewound from."""
        if isinstance(self.filter, Rewinding) and index >= self.filter.count:
            return index - self.filter.count
        return None


def plan(request: GenerateRequest, service: Service) -> Plan:
    """Resolve names and defaults.

    Raises:
        Problem: The model cannot do it; names the field.
        NotReadyError: The models are still being loaded.
    """
    limit = service.settings.max_samples_per_request
    _check_count(request, limit)
    card = card_of(request.model, service)
    seed = seed_of(request.seed)
    spec = lane_of(card, seed, request.condition, request.guidance, request.sampler)
    spec = replace(spec, scores=scores_of(request.confidence, card, spec))
    kept = handle_options(request.rewind, service.settings)
    chosen = resolve_filter(request.filter, request.count, card, spec, limit)
    if chosen is not None:
        spec = replace(spec, early=chosen.floor)
    if kept is not None:
        spec = replace(spec, keep=kept.keep)
    if isinstance(chosen, Rewinding) and spec.keep in ((), "commit"):
        spec = replace(spec, keep="commit", shift=min(chosen.shift, 0.0))
    if kept is not None:
        check_rewindable(spec, "rewind")
    elif isinstance(chosen, Rewinding):
        check_rewindable(spec, "filter.action")
    return Plan(
        kind="generate",
        card=card,
        seed=seed,
        lanes=tuple(replace(spec, index=index) for index in range(request.count)),
        filter=chosen,
        form=form_of(request.output, card),
        profile=request.confidence.profile,
        map=request.confidence.map,
        deadline_s=request.deadline_s,
        priority=request.priority,
        handles=kept,
    )


def check_rewindable(spec: LaneSpec, field: str) -> None:
    """Make sure that a lane can be taken up again.

    Raises:
        Problem: It cannot.
    """
    if obstacle := family_of(spec).rewind_obstacle(spec):
        raise Problem.field(field, obstacle)


def _check_count(request: GenerateRequest, limit: int) -> None:
    accept = None if request.filter is None else request.filter.accept
    if accept is not None and "n" in request.model_fields_set and request.n != accept:
        raise Problem.field("n", f"filter.accept is {accept}; leave n out")
    if request.count > limit:
        field = "n" if accept is None else "filter.accept"
        raise Problem.field(field, f"at most {limit} samples per request, got {request.count}")
