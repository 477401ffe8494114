"""Names and defaults of a request, resolved against its model."""

from __future__ import annotations

from secrets import randbelow
from typing import Any

from sureflow.core.card import ModelCard
from sureflow.core.condition import LABEL, ConditionOptions
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import ConfidenceOptions, OutputOptions
from sureflow_server.engine.errors import NotReadyError
from sureflow_server.service import Service

IMAGE = "png"
"""Form of images."""

DRAWN_SEEDS = 2**53
"""Seeds that the server draws are below this, so that every JSON client keeps them exact."""


def card_of(asked: str | None, service: Service) -> ModelCard:
    """Return a model by its name, by default the default one.

    Raises:
        Problem: It does not exist, could not be loaded, or has been unloaded.
        NotReadyError: The models are still being loaded.
    """
    pool = service.pool
    if not pool.folder:
        raise NotReadyError("the models are still being loaded", 2)
    name = asked or service.default_model or ""
    if name in pool.loading:
        raise NotReadyError(f"{name} is still being loaded", 2)
    if name in pool.failures:
        raise Problem.field("model", f"{name} could not be loaded", "model-failed")
    if name in pool.unloaded:
        message = f"{name} has been unloaded; POST /v1/models/{name}/load brings it back"
        raise Problem.field("model", message, "model-unloaded")
    if name not in pool.cards:
        message = f"there is no {name!r}; choose from {', '.join(pool.cards)}"
        raise Problem.field("model", message, "unknown-model")
    return pool.cards[name]


def image_models(service: Service) -> list[ModelCard]:
    """Return the models whose samples can be PNGs, the default one first."""
    cards = sorted(service.pool.cards.values(), key=lambda card: card.name)
    drawn = [card for card in cards if IMAGE in family_of(card).codec.formats(card)]
    return sorted(drawn, key=lambda card: card.name != service.default_model)


def seed_of(asked: int | None) -> int:
    """Return the seed that was given, or a drawn one."""
    return randbelow(DRAWN_SEEDS) if asked is None else asked


def lane_of(
    card: ModelCard,
    seed: int,
    condition: ConditionOptions | None,
    guidance: Any,
    sampler: Any,
    label: int | None = None,
) -> LaneSpec:
    """Return the first lane of a request, with what is its family's own, of a class if one is said.

    Raises:
        InvalidFieldError: The model cannot make it.
        NotReadyError: The request was read when the model was of another family.
    """
    family = family_of(card)
    if not (isinstance(guidance, family.guidance) and isinstance(sampler, family.sampler)):
        raise NotReadyError(f"{card.name} has just been changed")
    written = {} if condition is None else condition.given()
    written |= {} if label is None else {LABEL: label}
    return family.lane(card, seed, written, guidance, sampler)


def scores_of(
    options: ConfidenceOptions, card: ModelCard, spec: LaneSpec, usual: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the scores to gather, each once, the one that decides first.

    Where none was asked for they are the ``usual`` ones, or the one that the model recommends.

    Raises:
        Problem: A score that was asked for cannot be had.
    """
    family, asked = family_of(card), options.method
    first = asked or next(iter(usual), None) or family.best_score(card, spec)
    if asked is None and family.obstacle(first, card, spec):
        first = family.best_score(card, spec)
    for field, names in (("method", (first,)), ("also", options.also)):
        for name in names:
            if name not in family.scores:
                choice = f"choose from {', '.join(family.scores)}"
                raise Problem.field(f"confidence.{field}", f"{card.name} has no {name}; {choice}")
            if obstacle := family.obstacle(name, card, spec):
                raise Problem.field(f"confidence.{field}", f"{name} {obstacle}")
    kept = usual[1:] if asked is None and first in usual else ()
    fit = (name for name in kept if family.obstacle(name, card, spec) is None)
    return tuple(dict.fromkeys([first, *options.also, *fit]))


def form_of(options: OutputOptions, card: ModelCard, field: str = "output.format") -> str:
    """Return how samples shall travel.

    Raises:
        Problem: The samples of the model cannot.
    """
    forms = family_of(card).codec.formats(card)
    if options.format is not None and options.format not in forms:
        what = "makes no images" if options.format == IMAGE else f"has no {options.format}"
        raise Problem.field(field, f"{card.name} {what}; use {' or '.join(reversed(forms))}")
    return options.format or forms[0]
