"""Lanes that are samples of a vector, alone and beside a label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import Scripted, Steered, model_of

from sureflow.core.draw import Purpose, normal
from sureflow.core.family import cost_of
from sureflow.core.frame import Frame
from sureflow.core.lane import Branch, Inverted, Sample
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.renoise import TIMES
from sureflow.families.flow.setting import setting as settings_of
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, METHODS
from sureflow.recipe import dump, parse
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import Sampler

NULL = -1.0
CONSTANT = model_of(Steered(lambda x, t, label, y: y.clone(), null=NULL))
"""Goes by its condition in a unit of time, and by -1 without one."""


def _bent(x, t, label, y):
    """No two conditions, labels and points alike; elementwise, so that rows are independent."""
    return torch.sin(3 * x + y * (1 + t[:, None])) - 0.5 * label[:, None] * x + y.flip(1) * x


BENT = model_of(
    Steered(_bent, lambda x, t, label, y: 0.1 + (y - x) ** 2 * (1 - t[:, None]), classes=2)
)


def vector(*numbers: float) -> dict[str, np.ndarray]:
    return {"y": np.array(numbers, np.float32)}


def noise(spec: FlowSpec) -> np.ndarray:
    return normal((2,), spec.seed, spec.index, Purpose.START).numpy()


def same(one: Sample, other: Sample) -> bool:
    for name in ("data", "map", "t", "rate", "start"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert one.scores == other.scores
    return (one.accepted, one.rejected) == (other.accepted, other.rejected)


def test_a_lane_goes_by_its_own_condition_and_by_the_null_without_one() -> None:
    specs = [
        FlowSpec(0, 0, "euler", 4, condition=vector(2, 3)),
        FlowSpec(0, 1, "heun", 3),
        FlowSpec(0, 2, "rk4", 2, condition=vector(-5, 0.5)),
        FlowSpec(0, 3, "euler", 4, condition={}),
    ]
    moves = [[2, 3], [NULL, NULL], [-5, 0.5], [NULL, NULL]]
    for capacity in (4, 2, 1):
        made = run(CONSTANT, specs, capacity)
        for sample, spec, move in zip(made, specs, moves, strict=True):
            CONSTANT.check(spec)
            assert sample.data == pytest.approx(noise(spec) + move, abs=1e-5)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("method", ["euler", "heun", "ab2", "dopri5"])
def test_guidance_is_away_from_the_null(method: str, scale: float) -> None:
    """``v = null + g (y - null)``."""
    spec = FlowSpec(0, 0, method, 3, guidance=scale, condition=vector(2, 3))
    CONSTANT.check(spec)
    (made,) = run(CONSTANT, [spec])
    move = NULL + scale * (np.array([2, 3]) - NULL)
    assert made.data == pytest.approx(noise(spec) + move, abs=1e-5)
    (plain,) = run(CONSTANT, [replace(spec, guidance=1.0)])
    assert made.evaluations == (1 if scale == 1 else 2) * plain.evaluations


def test_guidance_doubles_the_rows_of_a_tick() -> None:
    specs = [
        FlowSpec(0, 0, "euler", 2, condition=vector(1, 1)),
        FlowSpec(0, 1, "euler", 2, condition=vector(1, 1), guidance=2.0),
        FlowSpec(0, 2, "euler", 2, guidance=2.0),
        FlowSpec(0, 3, "euler", 2, label=1, condition=vector(1, 1), guidance=2.0),
        FlowSpec(0, 4, "euler", 9, condition=vector(1, 1), guidance=2.0, parallel=4),
    ]
    assert [cost_of(spec).peak for spec in specs] == [1, 2, 1, 2, 8]
    assert [cost_of(spec).rows for spec in specs] == [1, 2, 1, 2, 2]
    sampler = Sampler(BENT, len(specs))
    for ticket, spec in enumerate(specs):
        sampler.admit(ticket, spec)
    assert sampler.tick().rows == 1 + 2 + 1 + 2 + 2
    assert sampler.tick().rows == 1 + 2 + 1 + 2 + 8


def test_the_second_row_has_neither_label_nor_condition() -> None:
    seen = []

    def velocity(x, t, label, y):
        seen.extend(zip(label.tolist(), y[:, 0].tolist(), strict=True))
        return x

    model = model_of(Steered(velocity, classes=3, null=NULL))
    sampler = Sampler(model, 2)
    sampler.admit(0, FlowSpec(0, 0, "euler", 1, label=1, condition=vector(5, 5), guidance=2.0))
    sampler.admit(1, FlowSpec(0, 1, "euler", 1, label=2, guidance=3.0))
    seen.clear()
    sampler.tick()
    assert seen[:4] == [(1, 5), (2, NULL), (3, NULL), (3, NULL)], "and padding"


def test_guided_by_hand() -> None:
    """Label and condition together, both left out of the second branch: Euler's path by hand."""
    spec = FlowSpec(3, 1, "euler", 5, label=1, condition=vector(0.3, -0.8), guidance=1.7)
    (made,) = run(BENT, [spec])
    y, null = torch.tensor([[0.3, -0.8]]), torch.zeros(1, 2)
    x = torch.from_numpy(noise(spec))[None]
    for step in range(5):
        t = torch.tensor([step / 5])
        with_it = _bent(x, t, torch.tensor([1]), y)
        without = _bent(x, t, torch.tensor([2]), null)
        x = x + (without + 1.7 * (with_it - without)) / 5
    assert made.data == pytest.approx(x[0].numpy(), abs=1e-5)


specs = st.builds(
    FlowSpec,
    seed=st.integers(0, 5),
    index=st.integers(0, 3),
    method=st.sampled_from(METHODS),
    steps=st.integers(1, 5),
    label=st.sampled_from([None, 0, 1]),
    guidance=st.sampled_from([1.0, 2.0]),
    tolerance=st.sampled_from([None, 0.1]),
    condition=st.sampled_from([{}, vector(0.5, 1), vector(-1, 0.25)]),
    scores=st.sampled_from([("propagated",), ("divergence", "residual"), ("straightness",)]),
).map(
    lambda spec: replace(
        spec, tolerance=spec.tolerance if spec.method in ADAPTIVE_METHODS else None
    )
)


@settings(max_examples=10)
@given(st.lists(specs, min_size=1, max_size=7), st.integers(1, 5))
def test_a_sample_does_not_depend_on_its_neighbours(asked: list[FlowSpec], capacity: int) -> None:
    for spec, together in zip(asked, run(BENT, asked, capacity), strict=True):
        assert same(together, run(BENT, [spec], 1)[0])


@pytest.mark.parametrize("window", [3, 64])
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_steps_ahead_of_their_time_have_the_condition_too(window: int, guidance: float) -> None:
    spec = FlowSpec(1, 0, "euler", 12, condition=vector(0.5, 1), guidance=guidance)
    (plain,) = run(BENT, [spec])
    (ahead,) = run(BENT, [replace(spec, parallel=window, parallel_tolerance=0.0)])
    assert ahead.data.tobytes() == plain.data.tobytes()
    assert ahead.map.tobytes() == plain.map.tobytes()


@pytest.mark.parametrize(
    ("method", "tolerance"), [("heun", None), ("ab2", None), ("dopri5", 0.05), ("ab2", 0.05)]
)
@pytest.mark.parametrize("guidance", [1.0, 1.5])
def test_taken_up_again_it_is_the_same(method: str, tolerance: float | None, guidance: float):
    """From any frame, which need not hold the condition, and from nothing; among strangers."""
    spec = FlowSpec(
        2, 1, method, 6, guidance=guidance, tolerance=tolerance, condition=vector(0.5, -0.25),
        scores=("propagated", "straightness", "divergence"),
    )  # fmt: skip
    (whole,) = run(BENT, [replace(spec, keep="all")])
    assert not any(name.startswith("condition") for name in whole.frames[0].arrays)
    step = whole.accepted // 2
    children = [
        replace(spec, origin=Branch(spec, step, frame=frame))
        for frame in (Frame.parse(whole.frames[step].dump()), whole.frames[0], None)
    ]
    for child in children:
        BENT.check(child)
    stranger = FlowSpec(9, 9, "rk4", 7, condition=vector(3, 3))
    made = run(BENT, [*children, stranger], 4)
    assert all(same(child, whole) for child in made[:3])


def test_another_condition_from_there_on() -> None:
    """``x0 + y t + y' (1 - t)``; stored and replayed agree, with noise drawn anew as well."""
    spec = FlowSpec(2, 1, "heun", 8, condition=vector(2, 3), keep="all")
    (whole,) = run(CONSTANT, [spec])
    for condition, move in ((vector(-4, 1), [-4, 1]), ({}, [NULL, NULL])):
        changed = [
            replace(spec, condition=condition, keep=(), origin=Branch(spec, 2, frame=frame))
            for frame in (whole.frames[2], None)
        ]
        stored, replayed = run(CONSTANT, changed)
        assert same(stored, replayed)
        expected = noise(spec) + 0.25 * np.array([2, 3]) + 0.75 * np.array(move)
        assert stored.data == pytest.approx(expected, abs=1e-5)
    (whole,) = run(BENT, [replace(spec, keep="all")])
    changed = [
        replace(
            spec,
            condition=vector(-1, 1),
            guidance=2.0,
            keep=(),
            origin=Branch(spec, 3, (Resample(0.5),), frame),
        )
        for frame in (whole.frames[3], None)
    ]
    stored, replayed = run(BENT, changed)
    assert same(stored, replayed)
    assert stored.data.tobytes() != whole.data.tobytes()


def test_an_equal_condition_is_no_other_one() -> None:
    """A multistep solver goes on by what it remembers, whoever has written the array."""
    spec = FlowSpec(2, 1, "ab2", 8, condition=vector(2, 3))
    (whole,) = run(BENT, [spec])
    again = replace(spec, condition=vector(2, 3), origin=Branch(spec, 4))
    assert same(run(BENT, [again])[0], whole)


def test_a_score_that_renoises_asks_under_the_condition() -> None:
    spec = FlowSpec(3, 4, "heun", 4, condition=vector(0.5, 1), guidance=2.0, scores=("residual",))
    (made,) = run(BENT, [spec])
    x1, terms = torch.from_numpy(made.data), []
    for draw, t in enumerate(TIMES):
        x0 = normal((2,), 3, 4, Purpose.RENOISE, draw)
        at, time = ((1 - t) * x0 + t * x1)[None], torch.tensor([t])
        out = BENT.network.moments(at, time, torch.tensor([2]), y=torch.tensor([[0.5, 1.0]]))
        terms.append(float((x1 - x0 - out.mean[0]).square().sum() / out.variance.sum()))
    assert made.uncertainty == pytest.approx(np.mean(terms), rel=1e-5)


def test_a_velocity_is_differentiated_under_the_condition() -> None:
    """``v = y x`` has the divergence ``sum y``, and guided by 3 from the null 1, ``3 y - 2``."""
    model = model_of(Steered(lambda x, t, label, y: y * x, null=1.0))
    for scale, trace in ((1.0, 0.25), (3.0, 3 * 0.25 - 2 * 2)):
        spec = FlowSpec(
            1, 2, "rk4", 40, condition=vector(0.75, -0.5), guidance=scale, scores=("divergence",)
        )
        (made,) = run(model, [spec])
        log_noise = -0.5 * float(np.square(noise(spec)).sum()) - np.log(2 * np.pi)
        assert made.uncertainty == pytest.approx(trace - log_noise, abs=1e-4)


def test_a_given_sample_is_inverted_under_the_condition() -> None:
    spec = FlowSpec(
        0, 0, "heun", 10, condition=vector(2, 3), origin=Inverted(np.array([1, 1], np.float32))
    )
    CONSTANT.check(spec)
    (made,) = run(CONSTANT, [spec])
    assert made.start == pytest.approx([-1, -2], abs=1e-5)
    assert made.data == pytest.approx([1, 1], abs=1e-5)


def test_a_recipe_carries_the_arrays() -> None:
    parent = FlowSpec(2, 1, "heun", 6, label=1, condition=vector(0.5, -0.25))
    child = replace(parent, condition=vector(1, 2), guidance=2.0, origin=Branch(parent, 3))
    for spec in (parent, child):
        again = parse(dump(spec))
        assert dump(again) == dump(spec)
        assert again.condition["y"].dtype == np.float32
        assert again.condition["y"].tobytes() == spec.condition["y"].tobytes()
        assert same(run(BENT, [again])[0], run(BENT, [spec])[0])
    assert parse(dump(child)).origin.parent.condition["y"].tolist() == [0.5, -0.25]
    assert dump(replace(parent, condition={})) == dump(FlowSpec(2, 1, "heun", 6, label=1))
    assert dump(parent) != dump(replace(parent, condition=vector(0.5, 0.25)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"condition": {"z": np.zeros(2, np.float32)}}, r"condition\.z: is unknown; .*'y'"),
        ({"condition": vector(1, 2, 3)}, r"condition\.y: has shape \[3\], not \[2\]"),
        ({"condition": {"y": np.zeros(2)}}, r"condition\.y: .*float32"),
        ({"condition": {"y": np.zeros(2, np.int64)}}, r"condition\.y: .*float32"),
        ({"condition": vector(1, np.nan)}, r"condition\.y: .*finite"),
        ({"condition": vector(1, np.inf)}, r"condition\.y: .*finite"),
        ({"condition": {"y": [1.0, 2.0]}}, r"condition\.y: is no array"),
        ({"condition": {"y": None}}, r"condition\.y: is no array"),
        ({"condition": [1.0, 2.0]}, r"condition: .* is no arrays by name"),
        ({"guidance": 2.0}, "guidance: .* needs a label or a condition"),
        (
            {"origin": Branch(FlowSpec(0, 0, condition=vector(1)), 3)},
            r"parent: condition\.y: has shape",
        ),
    ],
)
def test_what_cannot_be_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        BENT.check(FlowSpec(0, 0, **fields))


def test_a_model_without_conditions_takes_none() -> None:
    model = model_of(Scripted(lambda x, t, label: x))
    with pytest.raises(ValueError, match=r"^condition\.y: is unknown; .*takes no such"):
        model.check(FlowSpec(0, 0, condition=vector(1, 2)))
    with pytest.raises(ValueError, match=r"^guidance: a scale other than 1 needs a label$"):
        model.check(FlowSpec(0, 0, guidance=2.0))


def test_guidance_leads_away_from_a_negative_class_and_vector() -> None:
    """``v = v_negative + g (v_cond - v_negative)``; beside lanes that are led away from null."""
    model = model_of(Steered(lambda x, t, label, y: y + label[:, None], classes=2, null=NULL))
    spec = FlowSpec(1, 2, "euler", 4, label=1, condition=vector(0.5, 1), guidance=3.0)
    ahead = np.array([1.5, 2])
    cases = (
        ({"negative_label": 0}, np.array([NULL, NULL])),
        ({"negative": vector(2, 0)}, np.array([2, 0]) + 2),
        ({"negative_label": 0, "negative": vector(2, 0)}, np.array([2, 0])),
        ({}, np.array([NULL, NULL]) + 2),
    )
    made = run(model, [replace(spec, **negative) for negative, _ in cases])
    for sample, (_, behind) in zip(made, cases, strict=True):
        model.check(sample.spec)
        assert sample.data == pytest.approx(noise(spec) + behind + 3 * (ahead - behind), abs=1e-5)
        assert same(run(model, [parse(dump(sample.spec))])[0], sample)
    assert b"negative" not in dump(spec)


def test_confidence_is_not_called_calibrated_under_a_vector() -> None:
    """The draws that a sample is ranked among have none."""
    family = FlowSpec(0, 0)
    assert settings_of(family).comparable
    assert not settings_of(replace(family, condition=vector(1, 2))).comparable
