"""Arguments of other types than those of their fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch

import sureflow
from sureflow.core.field_types import check_types
from sureflow.core.lane import Branch, Inverted
from sureflow.families.flow.operations import Guide, Inpaint, Resample, Uncertain
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model

WRONG: list[Any] = [
    "a boot", b"1", True, 1.9, float("nan"), float("inf"), 10**400, -(10**400), 1j, [1], (), {},
    None, object(), Decimal(1), np.array([1]), np.array(1), np.bool_(True), torch.tensor(1), 2**70,
]  # fmt: skip

FIELDS: dict[str, tuple[type, ...]] = {
    "seed": (),
    "steps": (),
    "label": (type(None),),
    "guidance": (int, float),
    "tolerance": (type(None), int, float),
    "parallel": (),
    "method": (),
    "grid": (),
    "scores": (tuple, list),
    "n": (int,),
    "capacity": (int,),
}
"""Types of the values above that suit a field after all, though not always in size."""


def suits(value: Any, field: str) -> bool:
    finite = type(value) is not float or np.isfinite(value)
    small = type(value) is not int or field in ("n", "capacity") or abs(value) < 2**99
    return type(value) in FIELDS[field] and value != [1] and finite and small


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", WRONG, ids=lambda value: f"{type(value).__name__}")
def test_what_is_wrong_is_named(mixture: Model, field: str, value: Any) -> None:
    if suits(value, field):
        return
    arguments = {"label": 0, "method": "heun", "steps": 2, field: value}
    if field == "tolerance":
        arguments["method"] = "ab2"
    with pytest.raises(ValueError, match=f"^{field}: "):
        sureflow.sample(mixture, **arguments)


@pytest.mark.parametrize("field", ["min_steps", "max_steps", "parallel_tolerance"])
@pytest.mark.parametrize("value", ["3", True, None, float("nan"), [3], 1j])
def test_so_are_fields_that_matter_only_at_times(mixture: Model, field: str, value: Any) -> None:
    for others in ({}, {"tolerance": 0.1}, {"parallel": 2, "method": "euler"}):
        with pytest.raises(ValueError, match=f"^{field}: "):
            sureflow.sample(mixture, **others, **{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scores", "likelihood"),
        ("scores", (1,)),
        ("scores", {"likelihood"}),
        ("keep", 0.5),
        ("keep", (0.5, "commit")),
        ("keep", (float("nan"),)),
        ("shift", "x"),
        ("watch", (0.5,)),
        ("watch", 3),
        ("halt", 1.5),
        ("halt", "x"),
        ("early", "x"),
        ("index", 0.5),
        ("origin", "x"),
    ],
)
def test_fields_of_a_lane(mixture: Model, field: str, value: Any) -> None:
    spec = replace(FlowSpec(0, 0), **{field: value})
    with pytest.raises(ValueError, match=f"^{field}: "):
        mixture.check(spec)


def _branch(**fields: Any) -> FlowSpec:
    return FlowSpec(0, 0, origin=Branch(**{"parent": FlowSpec(0, 0), "step": 3, **fields}))


MASK = np.array([True, False])


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (_branch(step=1.5), "step"),
        (_branch(step="x"), "step"),
        (_branch(operations=("x",)), "operations.0.kind"),
        (_branch(operations=(Resample("x"),)), "operations.0.strength"),
        (_branch(operations=(Resample(1.0, Uncertain("x")),)), "operations.0.share"),
        (_branch(operations=(Resample(1.0, [True, False]),)), "operations.0.region"),
        (_branch(operations=(Inpaint([True, False], np.zeros(2, np.float32)),)),
         "operations.0.mask"),
        (_branch(operations=(Inpaint(MASK, [0.0, 0.0]),)), "operations.0.known"),
        (_branch(operations=(Inpaint(MASK, np.zeros(2, np.float32), 1.5),)), "operations.0.inner"),
        (_branch(operations=(Guide(3),)), "operations.0.operator"),
        (_branch(operations=(Guide("blur", sigma="x"),)), "operations.0.sigma"),
        (_branch(operations=(Guide("mask", target=[1.0, 2.0]),)), "operations.0.target"),
        (_branch(parent=FlowSpec(0, 0, steps="x")), "parent: steps"),
        (FlowSpec(0, 0, origin=Inverted([0.0, 0.0])), "data"),
    ],
)  # fmt: skip
def test_origins_and_operations(mixture: Model, spec: FlowSpec, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        mixture.check(spec)


@pytest.mark.parametrize("at", [None, [1], object(), "middle"])
def test_where_a_sample_is_taken_up(mixture: Model, at: Any) -> None:
    (sample,) = sureflow.sample(mixture, steps=3)
    with pytest.raises(ValueError, match=r"^at: "):
        sureflow.edit(mixture, sample, at)
    with pytest.raises(ValueError, match=r"^branches: "):
        sureflow.edit(mixture, sample, 1, branches="x")
    with pytest.raises(ValueError, match=r"^capacity: "):
        sureflow.edit(mixture, sample, 1, capacity=0)


def test_numbers_of_numpy_are_numbers(mixture: Model) -> None:
    plain = sureflow.sample(mixture, 2, 7, label=1, guidance=1.5, steps=3)
    numpy = sureflow.sample(
        mixture, np.int64(2), np.int64(7), label=np.int32(1), guidance=np.float64(1.5),
        steps=np.uint8(3), capacity=np.int16(4),
    )  # fmt: skip
    assert [s.data.tobytes() for s in plain] == [s.data.tobytes() for s in numpy]
    assert sureflow.sample(mixture, 0) == []


def test_fields_of_types_that_are_not_known_are_left() -> None:
    @dataclass
    class One:
        number: int
        anything: object
        either: dict[str, int] | int = 0

    check_types(One(3, "x", "y"))
    with pytest.raises(ValueError, match=r"^number: 'x' is not an integer in 0 \.\. 2\*\*63 - 1$"):
        check_types(One("x", 1))
