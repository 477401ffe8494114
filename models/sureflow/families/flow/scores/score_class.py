"""The class of a score by its name, imported when a lane first uses it."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from sureflow.core.score import Score
from sureflow.families.flow.scores.catalogue import SCORES


@cache
def score_class(name: str) -> type[Score]:
    """The class of a score.

    Raises:
        TypeError: The ``fold`` of its meaning is not a score.
    """
    module, _, attribute = SCORES[name].fold.partition(":")
    kind = getattr(import_module(module), attribute)
    if not (isinstance(kind, type) and issubclass(kind, Score)):
        raise TypeError(f"score {name}: {SCORES[name].fold} is no Score")
    return kind
