"""Checks whether a model can run a lane of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sureflow.core.field_types import check_array, check_choice, check_range, check_types
from sureflow.core.lane import Branch, Inverted
from sureflow.families.tokens.operations import Guide, Hold
from sureflow.families.tokens.scores.catalogue import SCORES
from sureflow.families.tokens.spec import (
    FIRST_HITTING,
    MAX_GUIDANCE,
    MAX_STEPS,
    MAX_TEMPERATURE,
    METHODS,
    MIN_TEMPERATURE,
    REMASKING,
    TokenSpec,
)


def check(spec: TokenSpec, model: Any) -> None:
    """Check a lane and its parents.

    Raises:
        ValueError: The model cannot run it; the message begins with the name of the field.
    """
    check_types(spec)
    check_choice("method", spec.method, METHODS)
    if spec.method != FIRST_HITTING:
        check_range("steps", spec.steps, 1, MAX_STEPS)
    check_range("guidance", spec.guidance, 0, MAX_GUIDANCE)
    check_range("temperature", spec.temperature, MIN_TEMPERATURE, MAX_TEMPERATURE)
    check_range("top_p", spec.top_p, 0, 1)
    check_range("remask", spec.remask, 0, 1)
    if not spec.top_p > 0:
        raise ValueError("top_p: 0 leaves nothing to draw")
    if spec.remask and spec.method != REMASKING:
        raise ValueError(f"remask: is for {REMASKING}, not {spec.method}")
    if spec.guidance != 1 and not spec.condition:
        raise ValueError("guidance: a scale other than 1 needs a condition")
    _check_condition(spec, model)
    for name in spec.scores:
        check_choice("scores", name, [*SCORES])
        if SCORES[name].conditioned and not spec.condition:
            raise ValueError(f"scores: {name} needs a condition")
    if isinstance(spec.origin, Inverted):
        raise ValueError("origin: sequences are not inverted")
    if isinstance(spec.origin, Branch):
        _check_branch(spec.origin, model)


def _check_condition(spec: TokenSpec, model: Any) -> None:
    for name, value in spec.condition.items():
        if name not in model.card.conditions:
            raise ValueError(f"condition: {model.card.name} takes no {name}")
        check_array(f"condition.{name}", np.asarray(value), model.card.conditions[name].shape)


def _check_branch(origin: Branch, model: Any) -> None:
    for number, operation in enumerate(origin.operations):
        try:
            kind: Any = operation
            kind.check(model.card.shape)
            if isinstance(operation, Hold):
                _check_symbols("known", np.where(operation.mask, operation.known, 0), model)
            if isinstance(operation, Guide):
                _check_symbols("bias", operation.codes, model)
        except ValueError as error:
            raise ValueError(f"operations.{number}.{error}") from error
    try:
        check(origin.parent, model)
    except ValueError as error:
        raise ValueError(f"parent: {error}") from error


def _check_symbols(name: str, codes: npt.NDArray[Any], model: Any) -> None:
    try:
        model.network.tokens(torch.from_numpy(codes.astype(np.float32)))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
