"""From a valid request to the lanes of a model, or to the field that the model cannot serve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from secrets import randbelow

from sureflow.card import ModelCard
from sureflow.lane import LaneSpec
from sureflow.scores.catalogue import DEFAULT_SCORE, SCORES
from sureflow_server.api.encoding import PNG_CHANNELS, Format
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.screen import screen
from sureflow_server.engine.errors import NotReadyError
from sureflow_server.engine.job import Follow
from sureflow_server.filters import Filter, Target
from sureflow_server.service import Service

DRAWN_SEEDS = 2**53
"""Seeds that the server draws are below this, so that every JSON client keeps them exact."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request comes to; ``lanes`` are those that start at once."""

    card: ModelCard
    seed: int
    lanes: tuple[LaneSpec, ...]
    filter: Filter | None
    form: Format
    profile: bool
    map: bool
    deadline_s: float | None
    priority: int

    @property
    def follow(self) -> Follow | None:
        """What a finished lane calls for."""
        return self.filter.follow if isinstance(self.filter, Target) else None


def plan(request: GenerateRequest, service: Service) -> Plan:
    """Resolve names and defaults.

    Raises:
        Problem: The model cannot do it; names the field.
        NotReadyError: The models are still being loaded.
    """
    limit = service.settings.max_samples_per_request
    _check_count(request, limit)
    card = card_of(request.model, service)
    label = _label(request, card)
    scale = request.guidance.scale
    if label is None and scale != 1:
        raise Problem.field("guidance.scale", "a scale other than 1 needs condition.label")
    _check_grid(request, card)
    scores = _scores(request, card, label)
    seed = randbelow(DRAWN_SEEDS) if request.seed is None else request.seed
    sampler = request.sampler.lane()
    spec = LaneSpec(seed, 0, label=label, guidance=scale, scores=scores, **sampler)
    chosen = screen(request, card, spec, limit)
    if chosen is not None:
        spec = replace(spec, early=chosen.floor)
    return Plan(
        card=card,
        seed=seed,
        lanes=tuple(replace(spec, index=index) for index in range(request.count)),
        filter=chosen,
        form=_form(request, card),
        profile=request.confidence.profile,
        map=request.confidence.map,
        deadline_s=request.deadline_s,
        priority=request.priority,
    )


def _check_count(request: GenerateRequest, limit: int) -> None:
    accept = None if request.filter is None else request.filter.accept
    if accept is not None and "n" in request.model_fields_set and request.n != accept:
        raise Problem.field("n", f"filter.accept is {accept}; leave n out")
    if request.count > limit:
        field = "n" if accept is None else "filter.accept"
        raise Problem.field(field, f"at most {limit} samples per request, got {request.count}")


def card_of(asked: str | None, service: Service) -> ModelCard:
    """Return a model by its name, by default the default one.

    Raises:
        Problem: It does not exist, or could not be loaded.
        NotReadyError: The models are still being loaded.
    """
    pool = service.pool
    if not pool.cards:
        raise NotReadyError("the models are still being loaded", 2)
    name = asked or service.default_model or ""
    if name in pool.failures:
        raise Problem.field("model", f"{name} could not be loaded", "model-failed")
    if name not in pool.cards:
        message = f"there is no {name!r}; choose from {', '.join(pool.cards)}"
        raise Problem.field("model", message, "unknown-model")
    return pool.cards[name]


def _label(request: GenerateRequest, card: ModelCard) -> int | None:
    if request.condition is None:
        return None
    label = request.condition.label
    if not card.classes:
        raise Problem.field("condition.label", f"{card.name} has no classes; leave it out")
    if isinstance(label, str) and label in card.classes:
        return card.classes.index(label)
    if isinstance(label, int) and 0 <= label < len(card.classes):
        return label
    names = ", ".join(card.classes)
    allowed = f"choose from 0 to {len(card.classes) - 1} or {names}"
    raise Problem.field("condition.label", f"no class {label!r}; {allowed}")


def _check_grid(request: GenerateRequest, card: ModelCard) -> None:
    asked = request.sampler.grid
    if asked is not None and asked not in card.grids:
        raise Problem.field("sampler.grid", f"{card.name} has only {', '.join(card.grids)}")


def _scores(request: GenerateRequest, card: ModelCard, label: int | None) -> tuple[str, ...]:
    """The scores to gather, each once, the one that decides first."""
    asked = request.confidence.method
    chosen = asked or card.calibrated.get("score", DEFAULT_SCORE)
    unfit = (SCORES[chosen].labelled and label is None) or (
        SCORES[chosen].plain and request.guidance.scale != 1
    )
    if asked is None and unfit:
        chosen = DEFAULT_SCORE
    for field, names in (("method", [chosen]), ("also", request.confidence.also)):
        for name in names:
            if SCORES[name].labelled and label is None:
                message = f"{name} compares a label with none, so it needs condition.label"
                raise Problem.field(f"confidence.{field}", message)
            if SCORES[name].plain and request.guidance.scale != 1:
                message = f"{name} holds for plain velocities; not with guidance"
                raise Problem.field(f"confidence.{field}", message)
            if SCORES[name].factor and not card.differentiable:
                message = f"{name} differentiates the velocity; that of {card.name} cannot be"
                raise Problem.field(f"confidence.{field}", message)
            if SCORES[name].asks and request.sampler.parallel:
                message = f"{name} asks for evaluations of its own; not with sampler.parallel"
                raise Problem.field(f"confidence.{field}", message)
    return tuple(dict.fromkeys([chosen, *request.confidence.also]))


def _form(request: GenerateRequest, card: ModelCard) -> Format:
    drawable = card.media == "image" and card.shape[0] in PNG_CHANNELS
    form = request.output.format
    if form == "png" and not drawable:
        raise Problem.field("output.format", f"{card.name} makes no images; use npy or list")
    if form is None:
        return "png" if drawable else "list"
    return form
