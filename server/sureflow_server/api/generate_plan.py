"""From a valid request to the lanes of a model, or to the field that the model cannot serve."""

from __future__ import annotations

from dataclasses import replace

from sureflow.core.family import family_of
from sureflow_server.api.halving import halving_warning
from sureflow_server.api.handle_options import handle_options
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.resolve import card_of, form_of, lane_of, scores_of, seed_of
from sureflow_server.api.resolve_filter import resolve_filter
from sureflow_server.filters import Rewinding, Rounds
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
    spec = lane_of(card, seed, request.condition, request.guidance, request.sampler)
    spec = replace(spec, index=request.first, scores=scores_of(request.confidence, card, spec))
    kept = handle_options(request.rewind, service.settings)
    withdrawn = service.withdrawn
    chosen = resolve_filter(request.filter, request.count, card, spec, limit, withdrawn)
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
    begun = chosen.begun if isinstance(chosen, Rounds) else request.count
    warning = halving_warning(request.filter, spec)
    return Plan(
        kind="generate",
        card=card,
        seed=seed,
        lanes=tuple(replace(spec, index=request.first + place) for place in range(begun)),
        filter=chosen,
        form=form_of(request.output, card),
        profile=request.confidence.profile,
        map=request.confidence.map,
        deadline_s=request.deadline_s,
        priority=request.priority,
        handles=kept,
        warnings=() if warning is None else (warning,),
        asked=request,
    )


def _check_count(request: GenerateRequest, limit: int) -> None:
    accept = None if request.filter is None else request.filter.accept
    if accept is not None and "n" in request.model_fields_set and request.n != accept:
        raise Problem.field("n", f"filter.accept is {accept}; leave n out")
    if request.count > limit:
        field = "n" if accept is None else "filter.accept"
        raise Problem.field(field, f"at most {limit} samples per request, got {request.count}")
