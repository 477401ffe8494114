"""Samples of several sizes of one model: whose lanes run together, and what they come to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sureflow.core.card import ModelCard
from sureflow.core.draw import Purpose, normal
from sureflow.core.family import cost_of, family_of, weight_of
from sureflow.core.lane import LATENT, Branch, Inverted, Sample
from sureflow.core.schema import InvalidFieldError
from sureflow.evaluation.reference import calibrate, measure
from sureflow.families.flow.inversion import invert
from sureflow.families.flow.operations import Inpaint, Resample
from sureflow.families.flow.options import SamplerOptions
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks import VelocityNetwork
from sureflow.recipe import dump, parse
from sureflow.sampling.evaluator import evaluators
from sureflow.sampling.sample import edit, run, sample
from sureflow.sampling.sampler import Sampler
from tests.sized import SHAPES, canvas, latents
from tests.stubs import Scripted

DEFAULT, WIDE, SMALL = (shape[1:] for shape in SHAPES)


def card_of(model: VelocityNetwork) -> ModelCard:
    classes = ("a", "b")[: model.classes]
    facts = "sized", "sha256:0", "image", model.shape, classes, 0
    return ModelCard(*facts, shapes=model.shapes, state_shapes=model.shapes)


@pytest.fixture(scope="module")
def model() -> Model:
    network = canvas()
    return Model(card_of(network), network.eval(), None)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return latents(tmp_path_factory.mktemp("sized") / "latents")


def same(one: Sample, other: Sample) -> None:
    for name in ("data", "map", "t", "rate", "start", "state"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert one.scores == other.scores
    assert one.evaluations == other.evaluations
    for mine, others in zip(one.frames, other.frames, strict=True):
        assert mine.arrays.keys() == others.arrays.keys()
        assert all(z.tobytes() == others.arrays[name].tobytes() for name, z in mine.arrays.items())


def mixed(sizes: tuple[Any, ...] = (None, WIDE, SMALL)) -> list[FlowSpec]:
    """Lanes of all kinds, sizes in turn."""
    kinds: list[dict[str, Any]] = [
        {"method": "heun", "steps": 4},
        {"method": "ab2", "steps": 6, "label": 1, "guidance": 2.0},
        {"method": "dopri5", "tolerance": 1e-2, "label": 0},
        {"method": "euler", "steps": 9, "parallel": 3},
        {"method": "euler", "steps": 5, "scores": ("propagated", "divergence")},
        {"method": "euler", "steps": 5, "label": 1, "scores": ("adherence_contrast",)},
        {"method": "rk4", "steps": 2, "keep": "all", "watch": (0, 1)},
    ]
    return [
        FlowSpec(3, index, size=size, **kind) for index, kind in enumerate(kinds) for size in sizes
    ]


def test_company_of_other_sizes_changes_no_byte(model: Model) -> None:
    specs = mixed()
    together = run(model, specs, capacity=8)
    for spec, found in zip(specs, together, strict=True):
        assert found.data.shape == (1, *(spec.size or DEFAULT))
        assert found.map.shape == found.data.shape
        (alone,) = run(model, [spec])
        same(found, alone)
        assert parse(dump(found.spec)).size == spec.size
    assert len({found.data.tobytes() for found in together}) == len(specs)


def test_noise_is_drawn_in_the_shape_of_the_lane(model: Model) -> None:
    (found,) = sample(model, 1, 7, method="euler", steps=2, size=WIDE)
    drawn = normal((1, *WIDE), 7, 0, Purpose.START)
    assert torch.equal(torch.from_numpy(found.start), drawn)
    x, zero = drawn[None], torch.tensor([2])
    with torch.inference_mode():
        for t in (0.0, 0.5):
            x = x + 0.5 * model.network(x, torch.tensor([t]), zero)
    np.testing.assert_allclose(found.data, x[0].numpy(), atol=1e-5)


def test_the_default_size_may_be_said(model: Model) -> None:
    (plain,), (said,) = sample(model, steps=3), sample(model, steps=3, size=DEFAULT)
    same(plain, said)
    assert dump(plain.spec) == dump(said.spec)
    assert b"size" not in dump(plain.spec)


def test_other_sizes_are_refused_with_those_that_there_are(model: Model) -> None:
    with pytest.raises(ValueError, match=r"^size: .* makes no 9x9; choose from 8x8, 8x12, 4x4$"):
        sample(model, size=(9, 9))
    family = family_of(model.card)
    options = SamplerOptions.model_validate({"size": [9, 9]})
    with pytest.raises(InvalidFieldError, match="choose from 8x8, 8x12, 4x4") as caught:
        family.lane(model.card, 0, {}, family.guidance(), options)
    assert caught.value.field == "sampler.size"


@pytest.mark.parametrize("at", [1, "commit"])
def test_a_trajectory_goes_on_in_its_size(model: Model, at: Any) -> None:
    (made,) = sample(model, 1, 5, steps=6, label=1, size=WIDE, keep="all")
    assert made.frames[0].arrays["x"].shape == (1, *WIDE)
    (again,) = edit(model, made, at)
    same(made, replace(again, frames=made.frames, evaluations=made.evaluations))
    unframed = replace(made.spec, keep=(), origin=Branch(made.spec, 1))
    (replayed, _) = run(model, [unframed, FlowSpec(0, 0)])
    assert replayed.data.tobytes() == made.data.tobytes()
    mask = np.zeros((1, *WIDE), np.bool_)
    mask[:, :, :6] = True
    operations = [Resample(), Inpaint(mask, np.full((1, *WIDE), 0.5, np.float32))]
    branches = edit(model, made, at, operations, branches=2)
    assert all((branch.data[mask] == 0.5).all() for branch in branches)
    (alone, _) = run(model, [branches[1].spec, FlowSpec(1, 1, size=SMALL)])
    assert alone.data.tobytes() == branches[1].data.tobytes()
    with pytest.raises(ValueError, match=r"^operations\.0\.mask: no mask of shape \[1, 8, 12\]"):
        edit(model, made, at, [Inpaint(mask[..., :8], operations[1].known[..., :8])])
    with pytest.raises(ValueError, match=r"^size: a trajectory keeps its size$"):
        edit(model, made, at, size=None)


def test_a_frame_of_another_size_does_not_fit(model: Model) -> None:
    wide, small = (sample(model, 1, 5, steps=4, size=s, keep="all")[0] for s in (WIDE, SMALL))
    with pytest.raises(ValueError, match=r"^frame: x missing or of another model"):
        model.check(replace(wide.spec, origin=Branch(wide.spec, 2, (), small.frames[2])))


def test_what_is_inverted_decides_on_its_size(model: Model) -> None:
    given = [sample(model, 1, 5, steps=4, size=size)[0].data for size in (None, WIDE, SMALL)]
    together = invert(model, given, tolerance=1e-4)
    for data, found in zip(given, together, strict=True):
        assert found.data.shape == data.shape
        assert found.inversion_error is not None
        assert found.inversion_error < 0.01
        (alone,) = invert(model, [data], tolerance=1e-4)
        if found.spec.index == 0:
            same(found, alone)
    with pytest.raises(ValueError, match=r"^data: has shape \[1, 8, 12\], not \[1, 4, 4\]"):
        model.check(FlowSpec(0, 0, origin=Inverted(given[1]), size=SMALL))


def test_latents_of_several_sizes_are_decoded(staged: Model) -> None:
    assert staged.card.sizes == ((8, 8), (12, 8))
    assert staged.card.at((12, 8)).state_shape == (2, 6, 4)
    specs = [
        FlowSpec(2, n, "heun", 3, n % 2, size=size, watch=(1,), halt=halt)
        for n in range(2)
        for size, halt in ((None, None), ((12, 8), None), ((12, 8), 2))
    ]
    for spec, found in zip(specs, run(staged, specs), strict=True):
        assert found.data.shape == (1, *(spec.size or (8, 8)))
        assert np.isfinite(found.data).all() == (spec.halt is None)
        assert found.views[0].prediction.shape == found.data.shape
        assert found.fields[LATENT].shape == (2, *(z // 2 for z in spec.size or (8, 8)))
        (alone,) = run(staged, [spec])
        same(found, alone)


def test_samples_of_several_sizes_are_encoded(staged: Model) -> None:
    """Those of equal bytes too, whose shapes alone differ."""
    shapes = ((1, 8, 8), (1, 12, 8), (2, 6, 4), (1, 12, 8))
    given = [np.full(shape, 0.25, np.float32) for shape in shapes]
    given[3] = given[3] * np.linspace(0, 1, 8, dtype=np.float32)
    together = invert(staged, given, tolerance=1e-3)
    for data, found in zip(given, together, strict=True):
        assert found.data.shape == ((1, 8, 8) if data.shape == (1, 8, 8) else (1, 12, 8))
        (alone,) = run(staged, [found.spec])
        same(found, alone)
    with pytest.raises(ValueError, match=r"^data: has shape \[1, 6, 8\], not \[2, 4, 4\]$"):
        invert(staged, [np.zeros((1, 6, 8), np.float32)])


def test_a_size_has_blocks_of_its_own_and_slots_in_common(model: Model) -> None:
    fresh = Model(model.card, model.network, None)
    sampler = Sampler(fresh, 4)
    before, heads = sampler.nbytes, evaluators(fresh)
    sampler.admit(0, FlowSpec(0, 0, "euler", 2))
    assert sampler.nbytes == before
    sampler.admit(1, FlowSpec(0, 1, "euler", 2, size=WIDE))
    assert sampler.nbytes > before
    assert sampler.free == 2
    assert heads.at("8x12")["velocity"] is not heads["velocity"]
    tick = sampler.tick()
    assert tick.rows == 2
    costs = (each["velocity"].division.cost(1) for each in (heads, heads.at("8x12")))
    assert tick.seconds == pytest.approx(sum(costs))
    assert sampler.progress() == {0: (1, 0.5), 1: (1, 0.5)}
    assert sampler.ticks_left() == {0: 1, 1: 1}
    assert sampler.weight(FlowSpec(0, 0, size=DEFAULT)) == 1
    wide = heads.at("8x12")["velocity"].row_cost / heads["velocity"].row_cost
    assert sampler.weight(FlowSpec(0, 0, size=WIDE)) == wide
    assert sampler.rows_spent == round(1 + wide)
    sampler.cancel([1])
    sampler.admit(2, FlowSpec(0, 2, "euler", 2))
    finished = dict(sampler.tick().finished + sampler.tick().finished)
    assert {ticket: len(one.t) for ticket, one in finished.items()} == {0: 2, 2: 2}


def test_rows_that_see_each_other_at_one_size_are_found_out() -> None:
    network = canvas()
    plain = network.network.forward

    def gossip(x: Any, t: Any, label: Any) -> Any:
        seen = x.mean(0, keepdim=True) if x.shape[-1] == 12 else 0
        return plain(x + seen, t, label)

    network.network.forward = gossip  # type: ignore[method-assign]
    told = Model(card_of(network), network.eval(), None)
    sample(told, size=SMALL)
    with pytest.raises(ValueError, match="at 8x12: the answer for a row depends on the rows"):
        sample(told, size=WIDE)


def test_rows_of_a_size_cost_as_their_pixels(model: Model) -> None:
    plain, wide = FlowSpec(0, 0), FlowSpec(0, 0, size=WIDE)
    assert (weight_of(plain, model.card), weight_of(wide, model.card)) == (1, 1.5)
    assert cost_of(plain).rows == cost_of(wide).rows
    loose = [replace(spec, method="dopri5", tolerance=1e-3) for spec in (plain, wide)]
    assert len({cost_of(spec).kind for spec in loose}) == 2, "each is measured by itself"


def test_another_size_is_another_setting(model: Model) -> None:
    family = family_of(model.card)
    plain, wide = (FlowSpec(0, 0, "heun", 20, 1, size=size) for size in (None, WIDE))
    assert family.setting(plain) != family.setting(wide)
    assert family.setting(wide) == family.parse_setting("heun:20:8x12")
    assert family.setting(replace(wide, guidance=3.0)) == family.parse_setting("heun:20@3:8x12")
    assert "size" not in family.setting(plain).record()
    with pytest.raises(ValueError, match=r"no size, such as 28x28|is not of the form"):
        family.parse_setting("heun:20:8xx12")
    with pytest.raises(ValueError, match=r"^size: 8x8 is that of .*; leave it out"):
        family.draws(model.card, family.parse_setting("heun:20:8x8"))


def test_confidence_holds_where_it_was_calibrated() -> None:
    network = Scripted(lambda x, t, label: torch.sin(x), lambda x, t, label: x.square(), (1, 2, 3))
    network.serve([(1, 2, 3), (1, 2, 6), (1, 3, 3)])
    model = Model(card_of(network), network.eval(), None)
    made = calibrate(model, 100, method="euler", steps=3, seed=4, quiet=True)

    def shown(size: Any) -> list[Sample]:
        known = model.recalibrated(made)
        return sample(known, 40, 8, method="euler", steps=3, size=size)

    assert all(one.confidence_holds for one in shown(None))
    assert {(one.confidence, one.confidence_holds) for one in shown((2, 6))} == {(None, None)}
    at = [family_of(model.card).parse_setting("euler:3:2x6")]
    made = measure(model, made, 600, 6, at, quiet=True)
    again = shown((2, 6))
    assert all(one.confidence_holds for one in again)
    assert 0.3 < np.mean([one.confidence for one in again]) < 0.7
    assert {one.confidence for one in shown((3, 3))} == {None}
    before = [one.confidence for one in shown(None)]
    assert 0.3 < np.mean(before) < 0.7, "by its own table"
