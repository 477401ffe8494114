"""How runs are compared: by everything but the number of steps, which is the fineness. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sureflow.core.card import ModelCard
from sureflow.core.lane import Branch, LaneSpec
from sureflow.core.setting import Setting
from sureflow.families.annealed.spec import METHODS, TRANSPORT, AnnealedSpec

USUAL = "ais:50 ais:200 pt:100 pt:200 cds:100"
"""Settings at which confidence is measured where nobody asks for others, beside the reference."""

REFERENCE = "ais:100"
KEY = ("method", "replicas", "leapfrog", "start", "noise")
"""Fields of a lane that its setting names."""


def setting(spec: LaneSpec, realised: float | None = None) -> Setting:
    """How a lane is run. One of other parameters or of a changed target compares with none."""
    lane = cast(AnnealedSpec, spec)
    named = {name: getattr(lane, name) for name in KEY}
    if lane.method != TRANSPORT:
        del named["start"], named["noise"]
    plain = lane.warmup == lane.steps and not lane.condition
    return Setting.of({**named, "steps": lane.steps}, plain and _goes_on(lane))


def _goes_on(lane: AnnealedSpec) -> bool:
    """Whether a lane is none of an edit, or goes on as its parent would have."""
    if lane.origin is None:
        return True
    if not isinstance(lane.origin, Branch) or lane.origin.operations:
        return False
    parent = cast(AnnealedSpec, lane.origin.parent)
    same = all(getattr(lane, name) == getattr(parent, name) for name in (*KEY, "steps", "warmup"))
    return same and not parent.condition and _goes_on(parent)


def draws(card: ModelCard, setting: Setting) -> list[AnnealedSpec]:
    """The one lane of this setting; there are no strata."""
    entries = {name: value for name, value in setting.record().items() if value is not None}
    for name in ("steps", "replicas", "leapfrog"):
        entries[name] = int(entries[name])
    return [AnnealedSpec(0, 0, warmup=entries["steps"], **entries)]


def references(setting: Setting, known: Sequence[Setting]) -> list[tuple[int, float]]:
    """The tables of the same method and sizes, the next number of steps first."""
    alike = [number for number, one in enumerate(known) if one.line == setting.line]
    return [(number, 1.0) for number in alike[:1]]


def usual(card: ModelCard, known: Sequence[Setting]) -> list[Setting]:
    """Settings to measure confidence at where nobody asks for others."""
    return [parse(text) for text in USUAL.split()]


def parse(text: str) -> Setting:
    """The setting that ``METHOD:STEPS`` means; ``/REPLICAS`` may follow, as in ``pt:200/16``.

    Raises:
        ValueError: It means none.
    """
    plain, _, scale = text.partition("@")
    rest, _, replicas = plain.partition("/")
    method, _, steps = rest.partition(":")
    whole = steps.isdecimal() and (not replicas or replicas.isdecimal())
    if method not in METHODS or not whole or scale not in ("", "1"):
        raise ValueError(f"{text!r} is not of the form METHOD:STEPS[/REPLICAS]")
    count = int(replicas) if replicas else AnnealedSpec(0, 0).replicas
    lane = AnnealedSpec(0, 0, method=method, steps=int(steps), warmup=int(steps), replicas=count)
    return setting(lane)
