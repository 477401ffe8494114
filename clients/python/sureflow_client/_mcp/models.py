"""The tool ``list_models``."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from pydantic import Field

from .._model import Model
from .row import SHARE, meaning_of
from .tool import Answer, Arguments, Call, Facts, Tool

CARD_BYTES, NAME_BYTES = 4000, 800
"""What the cards of an answer take at most, but for the first, and the names of other models."""

SETTINGS = 4
"""At which confidence holds, that a card names."""

MOST_NAMES = 40
"""Classes that a card names."""


class ListModels(Arguments):
    """Which models."""

    name: str | None = Field(None, max_length=200)
    """This one alone, with all scores and operations."""


class Card(Facts):
    """A model."""

    name: str
    state: str

    default: bool | None = None

    makes: str | None = None

    classes: list[str] | None = None

    conditions: list[str] | None = None
    """Name and kind; `!`: every sample needs it."""

    default_score: str | None = None
    score_means: str | None = None

    confidence: str | None = None
    """Where it is a share."""

    certified: str | None = None
    """Least max_bad_rate, and its confidence."""

    samplers: list[str] | None = None
    scores: dict[str, str] | None = None
    """With a name."""

    operations: dict[str, list[str]] | None = None
    """With a name: for rewind, with their members."""

    error: str | None = None


class Cards(Facts):
    """The models of the server."""

    models: list[Card]
    others: list[str] | None = None
    unnamed: int | None = None


async def _run(call: Call, asked: ListModels) -> Answer:
    if asked.name is not None:
        return _told(Cards(models=[card_of(await call.client.model(asked.name), whole=True)]))
    models = sorted(await call.client.models(), key=lambda card: (not card.default, card.name))
    cards = [card_of(card, whole=False) for card in models]
    listed = max(_fitting(map(_size, cards), CARD_BYTES), 1)
    others = [card.name for card in cards[listed:]]
    named = _fitting((len(name.encode()) for name in others), NAME_BYTES)
    unnamed = len(others) - named
    return _told(
        Cards(models=cards[:listed], others=others[:named] or None, unnamed=unnamed or None)
    )


def _size(card: Card) -> int:
    return len(card.model_dump_json(exclude_none=True).encode())


def _fitting(sizes: Iterable[int], room: int) -> int:
    """Return how many of the first fit into so many bytes."""
    return sum(total <= room for total in accumulate(sizes))


def _told(facts: Cards) -> Answer:
    names = ", ".join(f"{one.name}{' (default)' if one.default else ''}" for one in facts.models)
    says = f"{names}. Confidence is {SHARE}, where it holds; it is not the chance to be right."
    return Answer(says, facts)


def card_of(card: Model, whole: bool) -> Card:
    """Return a model in short; the whole of it has all scores and operations."""
    if card.state != "ready":
        return Card(
            name=card.name, state=card.state, default=card.default or None, error=card.error
        )
    calibrated = card.calibrated or {}
    score = calibrated.get("score")
    return Card(
        name=card.name,
        state=card.state,
        default=card.default or None,
        makes=f"{card.media} {' x '.join(map(str, card.shape or ()))}",
        classes=[*card.classes][:MOST_NAMES] if card.classes else None,
        conditions=[_condition(*one) for one in (card.conditions or {}).items()] or None,
        default_score=score,
        score_means=None if score is None else meaning_of(card, score),
        confidence=_calibrated(calibrated),
        certified=_certified(calibrated.get("conformal")),
        samplers=[*(card.samplers or ())],
        scores={name: meaning_of(card, name) for name in card.scores or ()} if whole else None,
        operations=_operations(card) if whole else None,
    )


def _condition(name: str, one: dict[str, Any]) -> str:
    shape = "x".join(map(str, one.get("shape") or ()))
    return (
        f"{name}{'!' if one.get('required') else ''}: {one['kind']}{f' {shape}' if shape else ''}"
    )


def _calibrated(calibrated: dict[str, Any]) -> str:
    """Return the settings at which confidence by the default score is a share."""
    if not calibrated:
        return "none: not calibrated; samples are in order of uncertainty"
    found = (calibrated.get("holds") or {}).get(calibrated["score"], [])
    if not found:
        return "order only"
    more = f"; and {len(found) - SETTINGS} more" if len(found) > SETTINGS else ""
    return f"a share at {'; '.join(map(_setting, found[:SETTINGS]))}{more}"


def _setting(found: dict[str, Any]) -> str:
    said = (_part(name, value) for name, value in found.items() if value not in ([], None, ""))
    return ", ".join(said)


def _part(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"{name} {' or '.join(map(_ends, value))}"
    return value if isinstance(value, str) else f"{name} {value:g}"


def _ends(ends: Any) -> str:
    if not isinstance(ends, list):
        return f"{ends}"
    first, last = ends
    return (
        f"{first:g}" if first == last else f"{first:g} to {'any' if last is None else f'{last:g}'}"
    )


def _certified(table: dict[str, Any] | None) -> str | None:
    if not table:
        return None
    confidence, bound = table["thresholds"][0]
    return f"{bound:.3f} at a confidence of {confidence:.2f} or more"


def _operations(card: Model) -> dict[str, list[str]]:
    schemas = (card.schemas or {}).get("operations", {})
    return {
        name: [member for member in schema.get("properties", {}) if member != "type"]
        for name, schema in schemas.items()
    }


LIST_MODELS = Tool(
    "list_models",
    "Models, their classes and conditions, what confidence means and where it holds. Ask first.",
    ListModels,
    Cards,
    _run,
)
