"""What is reserved for a lane is what it takes."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from stubs import Open, model_of

from sureflow.core.lane import Branch, Inverted, Sample
from sureflow.families.flow.operations import Guide, Inpaint, Operation, Resample
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, METHODS
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow_server.engine.admission import footprint
from sureflow_server.engine.messages import Submit

SHAPE = (1, 16, 16)


@pytest.fixture(scope="module")
def model() -> Model:
    stripes = [[0.9, -0.9] * 128, [-0.9, 0.9] * 128]
    exact = {"weights": [1.0, 1.0], "covariances": [0.1, 0.1], "labels": [0, 1]}
    return model_of(Open(means=stripes, **exact, shape=SHAPE))


def takes(spec: FlowSpec, sample: Sample) -> int:
    """Bytes of both ways between the processes, in neither of which anything is shared."""
    return len(pickle.dumps(Submit(1, "m", {0: spec}, False))) + len(pickle.dumps(sample))


def reserved_and_used(model: Model, **fields: Any) -> tuple[int, int]:
    """Bytes reserved for a lane, and those that it takes."""
    spec = FlowSpec(3, 0, label=1, **fields)
    (sample,) = run(model, [spec])
    return footprint(spec, SHAPE), takes(spec, sample)


@pytest.mark.parametrize(
    "solver",
    [
        *({"method": method, "steps": 30} for method in METHODS),
        *({"method": method, "tolerance": 0.01, "max_steps": 12} for method in ADAPTIVE_METHODS),
    ],
    ids=lambda solver: "-".join(map(str, solver.values())),
)
def test_it_is_enough_for_every_solver(model: Model, solver: dict[str, Any]) -> None:
    for keep in ((), (0.2, 0.6), "commit", "all"):
        reserved, taken = reserved_and_used(model, keep=keep, guidance=2.0, **solver)
        assert taken <= reserved


@pytest.mark.parametrize("scores", [*((name,) for name in SCORES), tuple(SCORES)])
def test_it_is_enough_for_every_score(model: Model, scores: tuple[str, ...]) -> None:
    reserved, taken = reserved_and_used(
        model, method="ab2", steps=40, keep="all", guidance=2.0, scores=scores
    )
    assert taken <= reserved < 6 * taken


def test_it_is_enough_for_what_is_looked_at(model: Model) -> None:
    reserved, taken = reserved_and_used(model, steps=50, watch=tuple(range(50)))
    assert taken <= reserved < 3 * taken


def test_it_counts_what_a_lane_brings(model: Model) -> None:
    parent = FlowSpec(3, 0, label=1, steps=8, keep="all")
    (first,) = run(model, [parent])
    half, values = np.arange(256).reshape(SHAPE) < 128, np.zeros(SHAPE, np.float32)
    done: tuple[Operation, ...] = (
        Resample(0.5, half),
        Inpaint(half, values),
        Guide("mask", target=values, mask=half),
    )
    plain = FlowSpec(4, 0, label=1, steps=8)
    edited = replace(plain, origin=Branch(replace(parent, keep=()), 4, done, first.frames[4]))
    (sample,) = run(model, [edited])
    brought = first.frames[4].nbytes + 3 * half.nbytes + 2 * values.nbytes
    assert footprint(edited, SHAPE) == footprint(plain, SHAPE) + 2 * brought
    assert takes(edited, sample) <= footprint(edited, SHAPE)
    again = replace(plain, origin=Branch(edited, 6))
    assert footprint(again, SHAPE) == footprint(edited, SHAPE), "with all that it came from"
    given = replace(plain, origin=Inverted(values))
    assert footprint(given, SHAPE) == footprint(plain, SHAPE) + 2 * values.nbytes
