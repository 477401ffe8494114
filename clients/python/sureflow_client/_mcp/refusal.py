"""Errors in words: which argument, what is wrong with it, and the nearest right name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from .._async.client import AsyncClient
from .._exceptions import InvalidRequest, ProblemError, SureflowError, UnknownModel
from .._model import Model
from .._request import PLACES
from .tool import Arguments

MOST = 1000
"""Characters of an error."""

CLOSE = 0.5
"""How alike names must be for one to be meant."""

SHORTEST = 4
"""Letters of a name that is meant if it is a part of what was given."""

LISTED = 12
"""Names that are listed where none is near."""

FIELDS = {place: name for name, place in PLACES.items()} | {
    "filter.accept": "good",
    "filter.top": "good",
    "filter.max_attempts": "of",
    "filter.min": "min_confidence",
    "filter.keep": "keep",
    "filter.max_bad_rate": "max_bad_rate",
    "filter.any_good": "any_good",
    "filter.per": "per_class",
    "handle": "handles",
    "samples": "images",
}
"""Arguments by the fields of requests."""


def misfit(error: ValidationError, arguments: type[Arguments]) -> str:
    """Return what is wrong with arguments."""
    return "; ".join(_complaint(each, arguments) for each in error.errors()[:5])[:MOST]


def _complaint(error: Mapping[str, Any], arguments: type[Arguments]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"there is no argument {where[:80]!r}{near(where, arguments.model_fields)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def near(given: object, names: Iterable[str]) -> str:
    """Return the nearest of some names, or all of few, as the end of a sentence."""
    known = [*names]
    if not known:
        return ""
    lower, meant = {name.lower(): name for name in known}, str(given)[:200].lower()
    found = get_close_matches(meant, lower, 1, CLOSE) or [
        name for name in lower if len(name) >= SHORTEST and name in meant
    ]
    if found:
        return f"; did you mean {lower[found[0]]!r}?"
    more = ", ..." if len(known) > LISTED else ""
    return f"; there are {', '.join(known[:LISTED])}{more}"


async def refusal(error: SureflowError, client: AsyncClient, asked: Arguments) -> str:
    """Return why the server did not do it, and which argument to change."""
    if not isinstance(error, ProblemError):
        return str(error)[:MOST]
    named = [(argument_of(each.field), each.message) for each in error.errors]
    if isinstance(error, UnknownModel):
        named = [("model", error.detail or error.title)]
    if not named:
        return f"{error.title}: {error.detail or error.status}{_again(error)}"[:MOST]
    names = await _names(error, client, asked)
    parts = [
        f"{name}: {message}{_near(name, asked, names)}{_again(error)}" for name, message in named
    ]
    return "; ".join(parts)[:MOST]


def argument_of(field: str) -> str:
    """Return the argument that a field of a request is."""
    found = next((FIELDS[known] for known in FIELDS if f"{field}.".startswith(f"{known}.")), None)
    if found is None:
        return field
    known = next(known for known in FIELDS if f"{field}.".startswith(f"{known}."))
    return f"{found}{field[len(known) :]}"


def _near(argument: str, asked: Arguments, names: Mapping[str, list[str]]) -> str:
    first, *rest = argument.split(".")
    given = getattr(asked, first, None) or getattr(asked, "name", None)
    if first == "operations" and isinstance(given, list) and rest and rest[0].isdecimal():
        given = given[int(rest[0])].get("type", "")
    return near(given, names[first]) if given is not None and names.get(first) else ""


async def _names(
    error: ProblemError, client: AsyncClient, asked: Arguments
) -> Mapping[str, list[str]]:
    """Return the names that arguments may have, as far as the server tells."""
    if not isinstance(error, InvalidRequest | UnknownModel):
        return {}
    cards: tuple[Model, ...] = ()
    with suppress(SureflowError):
        cards = await client.models()
    name = getattr(asked, "model", None)
    card = next((one for one in cards if (one.name == name if name else one.default)), None)
    models = {"model": [one.name for one in cards]}
    if card is None:
        return models
    return models | {
        "label": [*(card.classes or ())],
        "method": [*(card.samplers or ())],
        "score": [*(card.scores or ())],
        "condition": [*(card.conditions or {})],
        "operations": [*(card.operations or ())],
    }


def _again(error: ProblemError) -> str:
    return "" if error.retry_after is None else f"; try again in {error.retry_after:g} s"
