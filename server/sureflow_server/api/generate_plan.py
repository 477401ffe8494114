"""From a valid request to the lanes of a model, or to the field that the model cannot serve."""

from __future__ import annotations

from dataclasses import replace

from sureflow.core.card import ModelCard
from sureflow.core.condition import LABEL, label_of
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow_server.api.halving import halving_warning
from sureflow_server.api.handle_options import HandleOptions, handle_options
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.resolve import card_of, form_of, lane_of, scores_of, seed_of
from sureflow_server.api.resolve_filter import resolve_filter, second_stage
from sureflow_server.filters import AnyGood, Filter, Rewinding, Rounds
from sureflow_server.service import Service


def plan_generate(request: GenerateRequest, service: Service) -> Plan:
    """Resolve names and defaults.

    Raises:
        Problem: The model cannot do it; names the field.
        NotReadyError: The models are still being loaded.
    """
    limit = service.settings.max_samples_per_request
    _check_count(request, limit)
    card = card_of(request.model, service)
    seed = seed_of(request.seed)
    kept = handle_options(request.rewind, service.settings)
    asked, count = request.filter, request.count
    if asked is not None and asked.any_good is not None and "n" not in request.model_fields_set:
        count = limit
    turns = _turns(request, card, seed)
    chosen = resolve_filter(asked, count, card, turns, limit, service.withdrawn)
    turns = tuple(_kept(lane, chosen, kept) for lane in turns)
    if isinstance(chosen, Rounds | AnyGood):
        count = chosen.begun
    warning = halving_warning(asked, turns[0])
    plan = Plan(
        kind="generate",
        card=card,
        seed=seed,
        lanes=turns[:1],
        filter=chosen,
        form=form_of(request.output, card),
        profile=request.confidence.profile,
        map=request.confidence.map,
        deadline_s=request.deadline_s,
        priority=request.priority,
        handles=kept,
        warnings=() if warning is None else (warning,),
        turns=turns if len(turns) > 1 else (),
        asked=request,
        then=second_stage(asked, service.judges.names),
        drawn=request.seed is None,
    )
    return replace(plan, lanes=tuple(map(plan.lane, range(request.first, request.first + count))))


def _turns(request: GenerateRequest, card: ModelCard, seed: int) -> tuple[LaneSpec, ...]:
    """A lane of each label, or one.

    Raises:
        Problem: The labels are not classes of the model, each once; names the field.
    """
    parts = request.condition, request.guidance, request.sampler
    lanes = [lane_of(card, seed, *parts, label) for label in _labels(request, card)]
    scores = scores_of(request.confidence, card, lanes[0])
    return tuple(replace(lane, index=request.first, scores=scores) for lane in lanes)


def _labels(request: GenerateRequest, card: ModelCard) -> list[int | None]:
    """The labels that take turns, or nothing."""
    if request.labels is None:
        return [None]
    if request.condition is not None and LABEL in request.condition.given():
        raise Problem.field("labels", "not with condition.label")
    found = [label_of(e, card, f"labels.{place}") for place, e in enumerate(request.labels)]
    if len({*found}) < len(found):
        raise Problem.field("labels", "each class once")
    return [*found]


def _kept(spec: LaneSpec, chosen: Filter | None, kept: HandleOptions | None) -> LaneSpec:
    """A lane with what a filter and a handle ask of it.

    Raises:
        Problem: It cannot be rewound; names the field.
    """
    if chosen is not None:
        spec = replace(spec, early=chosen.floor)
    if kept is not None:
        spec = replace(spec, keep=kept.keep)
    if isinstance(chosen, Rewinding) and spec.keep in ((), "commit"):
        spec = replace(spec, keep="commit", shift=min(chosen.shift, 0.0))
    if kept is not None or isinstance(chosen, Rewinding):
        field = "filter.action" if kept is None else "rewind"
        if obstacle := family_of(spec).rewind_obstacle(spec):
            raise Problem.field(field, obstacle)
    return spec


def _check_count(request: GenerateRequest, limit: int) -> None:
    accept = None if request.filter is None else request.filter.accept
    if accept is not None and "n" in request.model_fields_set and request.n != accept:
        raise Problem.field("n", f"filter.accept is {accept}; leave n out")
    if request.count > limit:
        field = "n" if accept is None else "filter.accept"
        raise Problem.field(field, f"at most {limit} samples per request, got {request.count}")
