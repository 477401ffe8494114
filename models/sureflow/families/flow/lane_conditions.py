"""The conditions of lanes: classes, arrays, and what guidance leads away from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Integers, Slots
from sureflow.core.card import Condition
from sureflow.core.lanes import Lanes
from sureflow.core.transfer import to_device
from sureflow.families.flow.spec import FlowSpec


class LaneConditions:
    """What every lane is conditioned on, by slot.

    Args:
        lanes: The lanes, which get the fields.
        conditions: Conditions that the model takes, by name.
        null_label: The label that stands for no class.

    Attributes:
        conditions: The same.
        label: Class, or the null label.
        negative_label: The class that guidance leads away from, or the null label.
        arrays: Conditions by name, ``[capacity, *shape]``; null where not given. That of a text is
            made by an encoder in a phase of its own.
        negatives: By slot, what guidance leads a lane away from where that is not null, by the name
            of the condition.
        nulls: What stands for "not given", by the name of the condition, ``[*shape]``.
    """

    def __init__(self, lanes: Lanes, conditions: Mapping[str, Condition], null_label: int) -> None:
        self.conditions, self._null_label = dict(conditions), null_label
        self._device = lanes.device
        self.label = lanes.count("label", kept=False)
        self.negative_label = np.zeros(lanes.capacity, np.int64)
        self.negatives: dict[int, dict[str, Tensor]] = {}
        self.arrays = {
            name: lanes.tensor(f"condition.{name}", *condition.shape, kept=False)
            for name, condition in self.conditions.items()
        }
        self.nulls = {
            name: self._full(condition, condition.null)
            for name, condition in self.conditions.items()
        }

    def set(self, slot: int, spec: FlowSpec) -> None:
        """Set the conditions of a lane."""
        self.label[slot] = self._label(spec.label)
        self.negative_label[slot] = self._label(spec.negative_label)
        for name, condition in self.conditions.items():
            self.arrays[name][slot] = self._given(spec.condition, name, condition.null)
        self.negatives.pop(slot, None)
        if spec.negative:
            made = (z for name in spec.negative for z in self.made_with(name, spec.negative))
            self.negatives[slot] = {
                name: self._given(spec.negative, name, 0.0) for name in {*spec.negative, *made}
            }

    def labels(self, owner: Slots, doubled: Integers) -> Integers:
        """Labels of points of these lanes, ``[n]``, then negative ones of those ``doubled``."""
        label = self.label[owner]
        if not len(doubled):
            return label
        return np.concatenate([label, self.negative_label[owner[doubled]]])

    def rows(self, owner: Slots, doubled: Integers) -> dict[str, Tensor]:
        """Arrays of points of these lanes by name, then the negative ones of those ``doubled``."""
        where = to_device(owner, self._device) if self.arrays else None
        given = {name: array[where] for name, array in self.arrays.items()}
        if len(doubled):
            for name, value in given.items():
                given[name] = torch.cat([value, self._negative(name, owner[doubled])])
        return given

    def made_with(self, name: str, arrays: Mapping[str, Any]) -> list[str]:
        """The conditions that an encoder makes of the text ``name``, but for arrays given."""
        if self.conditions[name].prompt is None or self.tokens_of(arrays, name) is None:
            return []
        others = (z for z, each in self.conditions.items() if each.made_of == name)
        return [name, *(other for other in others if other not in arrays)]

    def tokens_of(self, arrays: Mapping[str, Any], name: str) -> npt.NDArray[np.int64] | None:
        """The tokens ``[tokens]`` of which an encoder makes a condition in these arrays, if any."""
        prompt, value = self.conditions[name].prompt, arrays.get(name)
        if prompt is None:
            return None
        if value is None:
            return None if prompt.null is None else np.array(prompt.null, np.int64)
        tokens: npt.NDArray[np.int64] = value
        return tokens if tokens.dtype == np.int64 else None

    def _label(self, label: int | None) -> int:
        return self._null_label if label is None else label

    def _given(self, arrays: Mapping[str, Any], name: str, missing: float) -> Tensor:
        """An array of a spec as a tensor ``[*shape]``; ``missing`` if it is still to be encoded."""
        value, condition = arrays.get(name), self.conditions[name]
        if value is not None and self.tokens_of(arrays, name) is None:
            return torch.tensor(value, device=self._device)
        return self._full(condition, missing)

    def _full(self, condition: Condition, value: float) -> Tensor:
        return torch.full(condition.shape, value, dtype=torch.float32, device=self._device)

    def _negative(self, name: str, owner: Slots) -> Tensor:
        """What guidance leads each of these lanes away from, ``[n, *shape]``."""
        null = self.nulls[name]
        if not self.negatives:
            return null.expand(len(owner), *null.shape)
        given = [self.negatives.get(slot, {}).get(name, null) for slot in owner.tolist()]
        return torch.stack(given)
