"""Lanes as bytes and back."""

import json
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load, save

from sureflow.core.frame import Frame
from sureflow.core.lane import Branch, Inverted
from sureflow.families.flow.operations import Guide, Inpaint, Resample, Uncertain
from sureflow.families.flow.spec import FlowSpec
from sureflow.recipe import dump, parse

SHAPE = (1, 2, 3)
numbers = st.floats(allow_nan=False, allow_infinity=False)
arrays = hnp.arrays(np.float32, SHAPE, elements=st.floats(width=32, allow_nan=False))
masks = hnp.arrays(np.bool_, SHAPE)
names = st.text(max_size=12)
operations = st.one_of(
    st.builds(Resample, numbers, st.one_of(st.just("all"), masks, st.builds(Uncertain, numbers))),
    st.builds(Inpaint, masks, arrays, st.integers(0, 100)),
    st.builds(
        Guide,
        operator=names,
        strength=numbers,
        target=st.none() | arrays,
        mask=st.none() | masks,
        factor=st.integers(0, 9),
        sigma=numbers,
    ),
)


def lanes(origins):
    return st.builds(
        FlowSpec,
        seed=st.integers(0, 2**63 - 1),
        index=st.integers(0, 10**6),
        method=names,
        steps=st.integers(0, 1000),
        label=st.none() | st.integers(0, 9),
        guidance=numbers,
        tolerance=st.none() | numbers,
        grid=names,
        parallel=st.integers(0, 9),
        scores=st.lists(names, max_size=3).map(tuple),
        early=st.none() | numbers,
        origin=origins,
    )


plain = lanes(st.none() | st.builds(Inverted, arrays))
specs = st.recursive(
    plain,
    lambda parents: lanes(
        st.builds(
            Branch,
            parents,
            st.integers(0, 99),
            st.lists(operations, max_size=3).map(tuple),
        )
    ),
    max_leaves=3,
)


def same(one, other) -> bool:
    """Whether two lanes, origins or operations are equal in every field, arrays in every bit."""
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dataclass_fields__"):
        pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
        return type(one) is type(other) and all(same(*pair) for pair in pairs)
    return type(one) is type(other) and one == other


@settings(max_examples=60)
@given(specs)
def test_there_and_back(spec: FlowSpec) -> None:
    again = parse(dump(spec))
    assert same(again, spec)
    assert dump(again) == dump(spec)


def test_what_is_only_seen_is_left_out() -> None:
    parent = FlowSpec(1, 2, keep="all", watch=(1,), halt=4)
    frame = Frame(3, 0.2, {"x": np.zeros(2, np.float32)})
    spec = FlowSpec(1, 2, origin=Branch(parent, 4, frame=frame), keep=(0.5,), watch=(2,), halt=3)
    bare = FlowSpec(1, 2, origin=Branch(FlowSpec(1, 2), 4))
    assert same(parse(dump(spec)), bare)
    assert dump(spec) == dump(bare)


def _changed(change):
    """A sound recipe with its note, or its tensors, changed."""
    operations = (
        Resample(0.5, np.ones(2, bool)),
        Inpaint(np.ones(2, bool), np.ones(2, np.float32)),
    )
    data = dump(FlowSpec(1, 2, origin=Branch(FlowSpec(1, 2), 4, operations)))
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    note, tensors = json.loads(header["__metadata__"]["recipe"]), dict(load(data))
    change(note, tensors)
    return save(tensors, {"recipe": json.dumps(note)})


def _branch(name, value):
    return lambda note, tensors: note["origin"].__setitem__(name, value)


def _first(name, value):
    return lambda note, tensors: note["origin"]["operations"][0].__setitem__(name, value)


def _second(name, value):
    return lambda note, tensors: note["origin"]["operations"][1].__setitem__(name, value)


@pytest.mark.parametrize(
    "change",
    [
        lambda note, tensors: note.pop("seed"),
        lambda note, tensors: note.__setitem__("seed", True),
        lambda note, tensors: note.__setitem__("seed", -1),
        lambda note, tensors: note.__setitem__("steps", 1.5),
        lambda note, tensors: note.__setitem__("guidance", "much"),
        lambda note, tensors: note.__setitem__("guidance", float("nan")),
        lambda note, tensors: note.__setitem__("more", 1),
        lambda note, tensors: note.__setitem__("scores", "propagated"),
        lambda note, tensors: note.__setitem__("origin", {"kind": "elsewhere"}),
        lambda note, tensors: tensors.__setitem__("stray", np.zeros(1, np.float32)),
        lambda note, tensors: tensors.pop("1.known"),
        lambda note, tensors: tensors.__setitem__("1.known", np.zeros(2)),
        _branch("kind", "inverted"),
        _branch("step", None),
        _branch("operations", 3),
        _branch("parent", None),
        _first("kind", "unheard"),
        _first("strength", None),
        _first("region", "some"),
        _first("region", {"tensor": "absent"}),
        _second("mask", None),
        _second("known", {"tensor": "0.region"}),
        _second("inner", 2.0),
    ],
)
def test_anything_else_is_refused(change) -> None:
    with pytest.raises(ValueError, match="not a recipe"):
        parse(_changed(change))


@given(st.binary(max_size=200))
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a recipe"):
        parse(data)


def test_a_lineage_has_an_end() -> None:
    spec = FlowSpec(0, 0)
    for _ in range(64):
        spec = replace(spec, origin=Branch(spec, 3))
    assert same(parse(dump(spec)), spec)
    with pytest.raises(ValueError, match="more than 64"):
        dump(replace(spec, origin=Branch(spec, 3)))


def test_it_is_free_of_torch() -> None:
    code = "import sureflow.recipe, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
