"""From requests for crystals to lanes, or to the field that cannot be served. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.condition import ConditionOptions
from sureflow.core.crystal import CELL, VECTORS, species_of, state_of
from sureflow.core.elements import HEAVIEST
from sureflow.core.family import Edited
from sureflow.core.json_array import is_file, read_of_any_length
from sureflow.core.lane import Array, Inverted, LaneSpec
from sureflow.core.schema import InvalidFieldError
from sureflow.core.size import in_words
from sureflow.families.crystals import formula
from sureflow.families.crystals.options import CrystalOptions
from sureflow.families.crystals.spec import ABOVE, COMPOSITION, CrystalSpec
from sureflow.families.flow import requests
from sureflow.families.flow.operation_bodies import ConditionOperation
from sureflow.families.flow.options import Guidance, SamplerOptions


def lane(
    card: ModelCard,
    seed: int,
    condition: Mapping[str, Any],
    guidance: Guidance,
    sampler: SamplerOptions,
) -> CrystalSpec:
    """Return the first lane of a generate request.

    Raises:
        InvalidFieldError: The model cannot make it.
    """
    field, given = f"condition.{COMPOSITION}", dict(condition)
    if isinstance(given.get(ABOVE), int | float):
        given[ABOVE] = [given[ABOVE]]
    units = sampler.units if isinstance(sampler, CrystalOptions) else None
    if COMPOSITION in given:
        given[COMPOSITION] = species = _species(given[COMPOSITION], units, field)
        _check_count(len(species), card, field)
        if sampler.size not in (None, [len(species)]):
            raise InvalidFieldError("sampler.size", f"the composition has {len(species)} atoms")
        sampler = sampler.model_copy(update={"size": [len(species)]})
    elif units is not None:
        raise InvalidFieldError("sampler.units", f"are those of a formula; give {field}")
    count = (sampler.size or card.sizes[0])[0]
    if guidance.negative is not None:
        negative = _read(guidance.negative, count, f"guidance.negative.{COMPOSITION}")
        guidance = guidance.model_copy(update={"negative": negative})
    return cast(CrystalSpec, requests.lane(card, seed, given, guidance, sampler))


def edit(
    card: ModelCard,
    parent: LaneSpec,
    sampler: SamplerOptions | None,
    operations: Sequence[Any],
    sample: Callable[[], Array],
) -> Edited:
    """Return the lane that continues from a parent, and its operations.

    Another composition has as many atoms: it replaces elements.

    Raises:
        InvalidFieldError: The model cannot serve a field of the request.
    """
    spec = canonical(card, parent)
    count, read = (spec.size or card.sizes[0])[0], []
    for number, body in enumerate(operations):
        changes: dict[str, Any] = {}
        where = f"operations.{number}"
        if isinstance(body, ConditionOperation) and COMPOSITION in (body.arrays or {}):
            arrays = dict(body.arrays or {})
            place = f"{where}.arrays.{COMPOSITION}"
            arrays[COMPOSITION] = _of_count(arrays[COMPOSITION], count, place)
            changes["arrays"] = arrays
        if isinstance(body, ConditionOperation) and body.negative is not None:
            place = f"{where}.negative.{COMPOSITION}"
            changes["negative"] = _read(body.negative, count, place)
        read.append(body.model_copy(update=changes) if changes else body)
    return requests.edit(card, spec, sampler, read, sample)


def canonical(card: ModelCard, spec: LaneSpec) -> CrystalSpec:
    """The lane with the size of its composition, or with the state and elements of a given table.

    The size is left out if it is the default one.
    """
    lane = cast(CrystalSpec, spec)
    if isinstance(lane.origin, Inverted) and np.ndim(lane.origin.data) == 2:
        table = lane.origin.data
        if table.shape[1] == 4:
            species = species_of(table).astype(np.float32)
            condition = {COMPOSITION: species, **lane.condition}
            lane = replace(lane, condition=condition, origin=Inverted(state_of(table)))
        lane = replace(lane, size=(len(cast(Inverted, lane.origin).data) - CELL,))
    elif lane.species is not None and np.ndim(lane.species) == 1:
        lane = replace(lane, size=np.shape(lane.species))
    return cast(CrystalSpec, requests.canonical(card, lane))


def count_of(card: ModelCard, table: Array, field: str) -> int:
    """The number of atoms of a table, which the model makes crystals of.

    Raises:
        InvalidFieldError: It does not.
    """
    _check_count(len(table) - VECTORS, card, field)
    return len(table) - VECTORS


def _check_count(count: int, card: ModelCard, field: str) -> None:
    if (count,) not in card.sizes:
        known = ", ".join(map(in_words, card.sizes))
        message = f"{count} atoms; {card.name} makes crystals of {known}"
        raise InvalidFieldError(field, message)


def _read(negative: ConditionOptions, count: int, field: str) -> ConditionOptions:
    """What guidance leads away from, its composition read."""
    given = negative.given()
    if COMPOSITION not in given:
        return negative
    return negative.model_copy(update={COMPOSITION: _of_count(given[COMPOSITION], count, field)})


def _of_count(written: Any, count: int, field: str) -> Array:
    """A composition of so many atoms; a formula fills the cell with its units."""
    species = _species(written, None, field)
    if isinstance(written, str) and not is_file(written) and not count % len(species):
        species = np.repeat(species, count // len(species))
    if len(species) != count:
        raise InvalidFieldError(field, f"{len(species)} atoms do not fill a cell of {count}")
    return species


def _species(written: Any, units: int | None, field: str) -> Array:
    """Atomic numbers ``[n]`` of a formula, of a list of elements, or as they are."""
    text = written if isinstance(written, str) and not is_file(written) else None
    try:
        if text is not None and not text.split()[1:]:
            return np.repeat(np.array(formula.unit(text.strip()), np.float32), units or 1)
        read = None if text is None else formula.elements(text)
    except ValueError as error:
        raise InvalidFieldError(field, str(error)) from None
    if units is not None:
        raise InvalidFieldError("sampler.units", "are those of a formula, not of a list of atoms")
    numbers = read_of_any_length(written, 1, field) if read is None else np.array(read)
    if not len(numbers) or not np.isin(numbers, np.arange(1, HEAVIEST + 1)).all():
        raise InvalidFieldError(field, "should be a formula, elements or atomic numbers of atoms")
    return numbers.astype(np.float32)
