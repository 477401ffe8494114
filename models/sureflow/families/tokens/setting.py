"""How lanes of tokens are run, and what they are compared with. Free of torch.

The key of a setting is the sampler with its temperature, nucleus, remasking and guidance; it is
finer the more steps there are. Strata are lanes with a condition, and lanes without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sureflow.core.card import ModelCard
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow.families.tokens.spec import FIRST_HITTING, METHODS, TokenSpec

CONDITIONED = "*condition"
"""Stratum of lanes with a condition."""

ONE_EACH = 1
"""Steps of a setting of ``first_hitting``, which has none of its own."""

FIXED = ("ancestral:64", "confidence:32", "confidence:32/0.6")
"""Settings at which confidence is usually measured."""


def setting(spec: LaneSpec, realised: float | None = None) -> Setting:
    """How a lane is run; an edited one compares with none."""
    assert isinstance(spec, TokenSpec)
    entries = {
        "method": spec.method,
        "temperature": float(spec.temperature),
        "top_p": float(spec.top_p),
        "remask": float(spec.remask),
        "guidance": float(spec.guidance),
    }
    steps = ONE_EACH if spec.method == FIRST_HITTING else spec.steps
    return Setting.of({**entries, "steps": steps}, not spec.edited)


def strata(spec: LaneSpec) -> list[tuple[str, float]]:
    """The table of lanes with a condition, or of those without."""
    return [(CONDITIONED if spec.condition else "", 1.0)]


def draws(card: ModelCard, setting: Setting) -> list[TokenSpec]:
    """A lane with each condition that has examples, and, without guidance, one without any."""
    lane = _lane(setting)
    examples = {name: _example(card, name, 0) for name in _exemplified(card)}
    found = [replace(lane, condition=examples)] if examples else []
    return [*([lane] if lane.guidance == 1 else []), *found]


def drawn(card: ModelCard, lane: LaneSpec) -> LaneSpec:
    """A lane of :func:`draws` with the condition that its index chooses."""
    return replace(
        lane, condition={name: _example(card, name, lane.index) for name in lane.condition}
    )


def references(setting: Setting, known: Sequence[Setting]) -> list[tuple[int, float]]:
    """The first reference of the same guidance."""
    same = [n for n, one in enumerate(known) if one.numbers["guidance"] == _guidance(setting)]
    return [(same[0], 1.0)] if same else []


def usual(card: ModelCard, known: Sequence[Setting]) -> list[Setting]:
    """Settings to measure confidence at where nobody asks for others."""
    scales = {one.numbers["guidance"] for one in known}
    return [one for one in map(parse, FIXED) if _guidance(one) in scales]


def parse(text: str) -> Setting:
    """The setting that ``METHOD:STEPS`` means.

    ``/TEMPERATURE`` and ``@GUIDANCE`` may follow, as in ``ancestral:64/0.8@2``.

    Raises:
        ValueError: It means none.
    """
    rest, _, scale = text.partition("@")
    rest, _, temperature = rest.partition("/")
    method, _, steps = rest.partition(":")
    try:
        if method not in METHODS:
            raise ValueError(f"there is no sampler {method!r}")
        lane = TokenSpec(0, 0, method, int(steps or 1), float(scale or 1), float(temperature or 1))
        return setting(lane)
    except ValueError as error:
        form = "METHOD:STEPS[/TEMPERATURE][@GUIDANCE]"
        raise ValueError(f"{text!r} is not of the form {form}") from error


def _lane(setting: Setting) -> TokenSpec:
    entries: Mapping[str, Any] = {n: v for n, v in setting.record().items() if n != "tolerance"}
    return TokenSpec(0, 0, **{**entries, "steps": int(entries["steps"] or 1)})


def _guidance(setting: Setting) -> float:
    return setting.numbers["guidance"]


def _exemplified(card: ModelCard) -> list[str]:
    return [name for name, condition in card.conditions.items() if condition.examples]


def _example(card: ModelCard, name: str, number: int) -> npt.NDArray[np.float32]:
    condition = card.conditions[name]
    value = json.loads(condition.examples[number % len(condition.examples)])
    return np.full(condition.shape, value, np.float32)
