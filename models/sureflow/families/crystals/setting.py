"""How crystals are run, and what they are compared with: number of atoms and stoichiometry."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import cast

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow.families.crystals.formula import stratum, unit
from sureflow.families.crystals.spec import ABOVE, COMPOSITION, CrystalSpec
from sureflow.families.flow import setting as settings
from sureflow.families.flow.spec import FlowSpec


def setting(spec: LaneSpec, realised: float | None = None) -> Setting:
    """How a lane is run; the number of atoms counts as a stratum, and the elements do not count."""
    lane = cast(CrystalSpec, spec)
    return settings.run_like(replace(lane, size=None), realised, lambda condition: True)


def strata(spec: LaneSpec) -> list[tuple[str, float]]:
    """The table of a lane's number of atoms and stoichiometry; the empty name without elements.

    A lane that was told an energy has one of its own, as reference draws are told none.
    """
    lane = cast(CrystalSpec, spec)
    if lane.species is None:
        return [("", 1.0)]
    name = stratum(lane.species)
    return [(f"{name} {ABOVE}" if ABOVE in lane.condition else name, 1.0)]


def draws(card: ModelCard, setting: Setting) -> list[FlowSpec]:
    """A lane of this setting of every stratum of which the model knows examples."""
    entries = setting.record()
    fields = {**entries, "steps": entries["steps"] or 1}
    return [
        CrystalSpec(
            0, 0, condition={COMPOSITION: examples[0]}, size=np.shape(examples[0]), **fields
        )
        for examples in _examples(card.conditions[COMPOSITION].examples, card.sizes).values()
    ]


def drawn(card: ModelCard, lane: LaneSpec) -> CrystalSpec:
    """A lane of :func:`draws` with the composition that is drawn by its index."""
    spec = cast(CrystalSpec, lane)
    known = _examples(card.conditions[COMPOSITION].examples, card.sizes)
    examples = known[strata(spec)[0][0]]
    return replace(spec, condition={COMPOSITION: examples[spec.index % len(examples)]})


@lru_cache(maxsize=64)
def _examples(
    formulae: tuple[str, ...], sizes: tuple[tuple[int, ...], ...]
) -> dict[str, list[np.ndarray]]:
    """The examples as atomic numbers by stratum, with all numbers of units of these sizes."""
    found: dict[str, list[np.ndarray]] = {}
    for (count,) in sizes:
        for formula in formulae:
            species = unit(formula)
            if not count % len(species):
                filled = np.repeat(np.array(species, np.float32), count // len(species))
                found.setdefault(stratum(filled), []).append(filled)
    return found
