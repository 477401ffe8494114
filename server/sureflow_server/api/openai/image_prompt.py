"""The prompt of a request for images, as the condition that a model takes."""

from __future__ import annotations

from sureflow.core.card import ModelCard
from sureflow.core.condition import LABEL
from sureflow_server.api.openai.image_request import ImageRequest
from sureflow_server.api.problems import Problem


def condition_of(card: ModelCard) -> str | None:
    """Name of the condition that a prompt is of: a text, or else a class; ``None``: of none."""
    return next(iter(card.prompted), LABEL if card.classes else None)


def prompted(request: ImageRequest, card: ModelCard) -> dict[str, str]:
    """The condition that the prompt asks for, by its name; empty if it asks for nothing.

    Raises:
        Problem: The model takes no prompt, or the condition is given beside it.
    """
    asked = condition_of(card)
    if request.prompt is None or not request.prompt.strip():
        return {}
    if asked is None:
        raise Problem.field("prompt", f"{card.name} takes none; leave it empty")
    if is_given(request, asked):
        raise Problem.field("prompt", f"condition.{asked} says so too; leave one of them out")
    return {asked: class_of(request.prompt, card) if asked == LABEL else request.prompt}


def class_of(prompt: str, card: ModelCard) -> str:
    """The class that is meant by a name in whatever case, or by a number; else the prompt."""
    name = prompt.strip()
    alike = [known for known in card.classes if known.casefold() == name.casefold()]
    if alike:
        return name if name in alike else alike[0]
    number = int(name) if name.isascii() and name.isdecimal() and len(name) < 10 else None
    return card.classes[number] if number is not None and number < len(card.classes) else name


def is_given(request: ImageRequest, name: str) -> bool:
    """Whether the request has a condition of this name, beside the prompt."""
    return request.condition is not None and name in request.condition.given()
