"""How lanes of counts are run, and what they are compared with. Free of torch.

The key of a setting is the sampler and the guidance scale; it is finer the more steps there are.
Strata are the classes, and lanes without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sureflow.core.card import ModelCard
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow.families.counts.spec import METHODS, CountSpec

FIXED = ("bridge:10", "bridge:50", "tau:50", "unit:200")
"""Settings at which confidence is usually measured."""


def setting(spec: LaneSpec, realised: float | None = None) -> Setting:
    """How a lane is run; an edited one compares with none."""
    assert isinstance(spec, CountSpec)
    entries = {"method": spec.method, "guidance": float(spec.guidance), "steps": spec.steps}
    return Setting.of(entries, not spec.edited)


def strata(spec: LaneSpec) -> list[tuple[str, float]]:
    """The table of the lane's class, or of lanes without one."""
    assert isinstance(spec, CountSpec)
    return [("" if spec.label is None else str(spec.label), 1.0)]


def draws(card: ModelCard, setting: Setting) -> list[CountSpec]:
    """A lane of every class, and without guidance one of none."""
    entries: dict[str, Any] = dict(setting.record())
    steps, method, scale = int(entries["steps"]), entries["method"], entries["guidance"]
    labels: list[int | None] = [*range(len(card.classes))]
    if scale == 1:
        labels.append(None)
    return [CountSpec(0, 0, method, steps, label, scale) for label in labels]


def references(setting: Setting, known: Sequence[Setting]) -> list[tuple[int, float]]:
    """The first reference of the same guidance."""
    scale = setting.numbers["guidance"]
    same = [n for n, one in enumerate(known) if one.numbers["guidance"] == scale]
    return [(same[0], 1.0)] if same else []


def usual(card: ModelCard, known: Sequence[Setting]) -> list[Setting]:
    """Settings to measure confidence at where nobody asks for others."""
    scales = {one.numbers["guidance"] for one in known}
    return [one for one in map(parse, FIXED) if one.numbers["guidance"] in scales]


def parse(text: str) -> Setting:
    """The setting that ``METHOD:STEPS`` means; ``@GUIDANCE`` may follow, as in ``bridge:20@2``.

    Raises:
        ValueError: It means none.
    """
    rest, _, scale = text.partition("@")
    method, _, steps = rest.partition(":")
    try:
        if method not in METHODS:
            raise ValueError(f"there is no sampler {method!r}")
        return setting(CountSpec(0, 0, method, int(steps), None, float(scale or 1)))
    except ValueError as error:
        raise ValueError(f"{text!r} is not of the form METHOD:STEPS[@GUIDANCE]") from error
