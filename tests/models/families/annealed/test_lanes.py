"""A lane's bytes depend on its seed and index alone, and a frame of it goes on to the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import sureflow
from sureflow.core.lane import Branch, Sample
from sureflow.families.annealed import FAMILY
from sureflow.families.annealed.operations import Guide, Hold, Resample
from sureflow.families.annealed.spec import METHODS, AnnealedSpec
from sureflow.model import Model
from sureflow.recipe import dump, parse
from sureflow.sampling.sample import edit, run

SHORT: dict[str, Any] = {"steps": 6, "warmup": 8, "replicas": 3}

VARIED = [
    AnnealedSpec(1, 0, **SHORT),
    AnnealedSpec(1, 1, method="pt", **SHORT),
    AnnealedSpec(1, 2, method="cds", **SHORT),
    AnnealedSpec(1, 3, method="mala", **SHORT),
    AnnealedSpec(2, 0, method="ais", steps=5, warmup=3, replicas=5, leapfrog=3),
    AnnealedSpec(2, 1, method="pt", steps=9, warmup=4, replicas=4, leapfrog=2),
    AnnealedSpec(2, 2, condition={"temperature": np.array([2.0], np.float32)}, **SHORT),
]


def scored(spec: AnnealedSpec) -> AnnealedSpec:
    able = [name for name, meaning in FAMILY.scores.items() if spec.method in meaning.methods]
    return replace(spec, scores=tuple(able))


def same(one: Sample, other: Sample) -> bool:
    """Whether two samples are one in every bit."""
    fields = all(
        np.array_equal(one.fields[name], other.fields[name], equal_nan=True) for name in one.fields
    )
    scores = np.array_equal([*one.scores.values()], [*other.scores.values()], equal_nan=True)
    return (
        fields
        and scores
        and all(
            np.asarray(getattr(one, name)).tobytes() == np.asarray(getattr(other, name)).tobytes()
            for name in ("data", "t", "rate", "accepted")
        )
    )


def test_samples_do_not_depend_on_their_company(mixture: Model) -> None:
    specs = [scored(spec) for spec in VARIED]
    together = run(mixture, specs)
    for spec, sample in zip(specs, together, strict=True):
        assert same(run(mixture, [spec])[0], sample)
    for sample, other in zip(run(mixture, specs, capacity=2), together, strict=True):
        assert same(sample, other)


def test_other_seeds_and_indices_are_others(mixture: Model) -> None:
    spec = VARIED[0]
    others = [spec, replace(spec, index=7), replace(spec, seed=7)]
    assert len({sample.data.tobytes() for sample in run(mixture, others)}) == 3


@pytest.mark.parametrize("spec", VARIED, ids=lambda spec: f"{spec.method}-{spec.leapfrog}")
def test_every_frame_goes_on_to_the_same(mixture: Model, spec: AnnealedSpec) -> None:
    (whole,) = run(mixture, [replace(scored(spec), keep="all")])
    assert [frame.step for frame in whole.frames] == [*range(spec.moves)]
    for frame in whole.frames:
        again = replace(scored(spec), origin=Branch(spec, frame.step, frame=frame))
        assert same(run(mixture, [again])[0], whole)


def test_without_a_frame_it_is_made_again(mixture: Model) -> None:
    spec = scored(VARIED[0])
    (whole,) = run(mixture, [spec])
    again = replace(spec, origin=Branch(spec, 9))
    assert same(run(mixture, [again])[0], whole)


OPERATIONS = [
    Resample(0.5),
    Resample(1.0),
    Hold(np.array([True, False]), np.array([0.5, 0.0], np.float32)),
    Guide(np.array([1.0, 1.0], np.float32), np.array([True, True]), 2.0),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: type(each).__name__)
def test_edits_go_on_with_a_frame_as_without(
    mixture: Model, method: str, operation: object
) -> None:
    spec = AnnealedSpec(3, 0, method=method, keep="all", **SHORT)
    (parent,) = run(mixture, [spec])
    at = 6 if method == "cds" else 10
    child = edit(mixture, parent, at, [operation], keep="all")[0]
    bare = edit(mixture, replace(parent, frames=()), at, [operation])[0]
    assert same(child, bare)
    assert not same(child, parent)
    late = next(frame for frame in child.frames if frame.step == 12)
    again = replace(child.spec, origin=Branch(child.spec, 12, frame=late), keep=())
    assert same(run(mixture, [again])[0], child)
    assert same(run(mixture, [parse(dump(again))])[0], child)


def test_an_empty_edit_is_the_parent(mixture: Model) -> None:
    (parent,) = sureflow.sample(mixture, 1, 4, keep="all", **SHORT)
    assert same(edit(mixture, parent, 5)[0], parent)


def test_branches_differ(mixture: Model) -> None:
    (parent,) = sureflow.sample(mixture, 1, 4, **SHORT)
    found = edit(mixture, parent, 10, [Resample()], branches=3)
    assert len({sample.data.tobytes() for sample in found}) == 3


@pytest.mark.parametrize("spec", VARIED[:4], ids=lambda spec: spec.method)
def test_runs_are_looked_at_and_halted(mixture: Model, spec: AnnealedSpec) -> None:
    (whole,) = run(mixture, [replace(spec, watch=(2, 11))])
    assert [view.step for view in whole.views] == [2, 11]
    assert whole.data.tobytes() == run(mixture, [spec])[0].data.tobytes()
    (halted,) = run(mixture, [replace(spec, watch=(2, 11), halt=11)])
    assert halted.finish_reason == "halted"
    assert halted.accepted in (11, 12)
    assert np.array_equal(halted.views[1].state, whole.views[1].state)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "vibes"}, "method"),
    ({"replicas": 1}, "replicas"),
    ({"replicas": 17}, "replicas"),
    ({"steps": 0}, "steps"),
    ({"leapfrog": 65}, "leapfrog"),
    ({"condition": {"label": np.zeros(1, np.float32)}}, "condition"),
    ({"condition": {"temperature": np.zeros(1, np.float32)}}, "condition"),
]


@pytest.mark.parametrize(("changes", "field"), WRONG, ids=str)
def test_what_a_lane_cannot_be_is_named(
    mixture: Model, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValueError, match=f"^{field}"):
        mixture.check(replace(VARIED[0], **changes))


def test_a_run_keeps_its_sampler_and_a_transport_its_point(mixture: Model) -> None:
    parent = AnnealedSpec(1, 0, method="cds", **SHORT)
    held = Branch(parent, 12, (OPERATIONS[2],))
    with pytest.raises(ValueError, match=r"^operations"):
        mixture.check(replace(parent, origin=held))
    with pytest.raises(ValueError, match=r"^steps"):
        mixture.check(replace(parent, steps=7, origin=Branch(parent, 3)))


def test_costs_are_what_is_spent(mixture: Model) -> None:
    for spec in VARIED:
        (sample,) = run(mixture, [spec])
        cost = FAMILY.cost(spec)
        starts = sample.evaluations - spec.rows
        assert starts in (spec.replicas, 2 * spec.replicas)
        assert sample.evaluations <= cost.evaluations * cost.rows
