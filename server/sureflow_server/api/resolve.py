"""Names and defaults of a request, resolved against its model."""

from __future__ import annotations

from secrets import randbelow

from sureflow.core.card import ModelCard
from sureflow.families.flow.scores.catalogue import DEFAULT_SCORE, SCORES
from sureflow_server.api.encoding import PNG_CHANNELS, Format
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import Condition, ConfidenceOptions, Guidance, OutputOptions
from sureflow_server.api.sampler_options import SamplerOptions
from sureflow_server.engine.errors import NotReadyError
from sureflow_server.service import Service

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
    if name in pool.failures:
        raise Problem.field("model", f"{name} could not be loaded", "model-failed")
    if name in pool.unloaded:
        message = f"{name} has been unloaded; POST /v1/models/{name}/load brings it back"
        raise Problem.field("model", message, "model-unloaded")
    if name not in pool.cards:
        message = f"there is no {name!r}; choose from {', '.join(pool.cards)}"
        raise Problem.field("model", message, "unknown-model")
    return pool.cards[name]


def seed_of(asked: int | None) -> int:
    """Return the seed that was given, or a drawn one."""
    return randbelow(DRAWN_SEEDS) if asked is None else asked


def label_of(label: int | str, card: ModelCard, field: str) -> int:
    """Return the number of a class.

    Raises:
        Problem: There is no such class.
    """
    if not card.classes:
        raise Problem.field(field, f"{card.name} has no classes; leave it out")
    if isinstance(label, str) and label in card.classes:
        return card.classes.index(label)
    if isinstance(label, int) and 0 <= label < len(card.classes):
        return label
    names = ", ".join(card.classes)
    allowed = f"choose from 0 to {len(card.classes) - 1} or {names}"
    raise Problem.field(field, f"no class {label!r}; {allowed}")


def condition_of(
    condition: Condition | None, guidance: Guidance, card: ModelCard
) -> tuple[int | None, float]:
    """Return the number of the class, if there is one, and the scale of guidance.

    Raises:
        Problem: There is no such class, or no condition to guide by.
    """
    label = None if condition is None else label_of(condition.label, card, "condition.label")
    check_guidance(guidance.scale, label, "guidance.scale")
    return label, guidance.scale


def check_guidance(scale: float, label: int | None, field: str) -> None:
    """Make sure that there is a condition to guide by.

    Raises:
        Problem: There is none.
    """
    if label is None and scale != 1:
        raise Problem.field(field, "a scale other than 1 needs condition.label")


def check_grid(sampler: SamplerOptions, card: ModelCard) -> None:
    """Make sure that the model has the grid.

    Raises:
        Problem: It has not.
    """
    if sampler.grid is not None and sampler.grid not in card.grids:
        raise Problem.field("sampler.grid", f"{card.name} has only {', '.join(card.grids)}")


def scores_of(
    options: ConfidenceOptions,
    card: ModelCard,
    label: int | None,
    scale: float,
    parallel: bool = False,
    usual: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Return the scores to gather, each once, the one that decides first.

    Args:
        options: What was asked for.
        card: The model.
        label: Class of the lanes, if any.
        scale: Of their guidance.
        parallel: Whether their steps are evaluated ahead of time.
        usual: Scores where none was asked for; by default the one that the model recommends.

    Raises:
        Problem: A score that was asked for cannot be had.
    """
    asked = options.method
    recommended: str = card.calibrated.get("score", DEFAULT_SCORE)
    chosen: str = asked or next(iter(usual), recommended)

    def unfit(name: str) -> bool:
        return SCORES[name].obstacle(card, label, scale) is not None

    if asked is None and unfit(chosen):
        chosen = DEFAULT_SCORE
    for field, names in (("method", [chosen]), ("also", options.also)):
        for name in names:
            if obstacle := SCORES[name].obstacle(card, label, scale, parallel):
                raise Problem.field(f"confidence.{field}", f"{name} {obstacle}")
    kept = () if asked is not None or chosen not in usual else usual[1:]
    return tuple(dict.fromkeys([chosen, *options.also, *(n for n in kept if not unfit(n))]))


def form_of(options: OutputOptions, card: ModelCard, field: str = "output.format") -> Format:
    """Return how arrays shall travel.

    Raises:
        Problem: The model makes no images.
    """
    drawable = card.media == "image" and card.shape[0] in PNG_CHANNELS
    if options.format == "png" and not drawable:
        raise Problem.field(field, f"{card.name} makes no images; use npy or list")
    return options.format or ("png" if drawable else "list")
