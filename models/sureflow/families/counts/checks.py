"""Checks whether a model can run a lane of counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from sureflow.core.field_types import check_choice, check_range, check_types
from sureflow.core.lane import Branch, Inverted
from sureflow.families.counts.operations import Hold
from sureflow.families.counts.scores.catalogue import SCORES
from sureflow.families.counts.spec import MAX_GUIDANCE, MAX_STEPS, METHODS, CountSpec


def check(spec: CountSpec, model: Any) -> None:
    """Check a lane and its parents.

    Raises:
        ValueError: The model cannot run it; the message begins with the name of the field.
    """
    check_types(spec)
    check_choice("method", spec.method, METHODS)
    check_range("steps", spec.steps, 1, MAX_STEPS)
    check_range("guidance", spec.guidance, 0, MAX_GUIDANCE)
    name, classes = model.card.name, model.card.classes
    if spec.label is not None and not 0 <= spec.label < len(classes):
        raise ValueError(f"label: {name} has no class {spec.label}")
    if spec.guidance != 1 and spec.label is None:
        raise ValueError("guidance: a scale other than 1 needs a label")
    if spec.condition:
        raise ValueError(f"condition: {name} takes no {next(iter(spec.condition))}")
    for score in spec.scores:
        check_choice("scores", score, [*SCORES])
    if isinstance(spec.origin, Inverted):
        raise ValueError("origin: counts are not inverted")
    if isinstance(spec.origin, Branch):
        _check_branch(spec.origin, model)


def _check_branch(origin: Branch, model: Any) -> None:
    for number, operation in enumerate(origin.operations):
        try:
            kind: Any = operation
            kind.check(model.card.shape)
            most = model.network.most
            if isinstance(operation, Hold) and np.max(operation.known[operation.mask]) > most:
                raise ValueError(f"known: counts above {most} are not known")
        except ValueError as error:
            raise ValueError(f"operations.{number}.{error}") from error
    try:
        check(origin.parent, model)
    except ValueError as error:
        raise ValueError(f"parent: {error}") from error
