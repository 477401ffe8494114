"""Lanes of several stages: texts are encoded before the solver, latents decoded after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sureflow.core.draw import Purpose, normal
from sureflow.core.family import families
from sureflow.core.frame import Frame
from sureflow.core.lane import LATENT, Branch, Inverted, Sample
from sureflow.evaluation.reference import calibrate
from sureflow.families.diffusion.spec import DiffusionSpec
from sureflow.families.flow.encodings import Encodings
from sureflow.families.flow.operations import Inpaint, Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks import Staged
from sureflow.recipe import dump, parse
from sureflow.sampling.evaluator import evaluators
from sureflow.sampling.sample import edit, run
from sureflow.sampling.sampler import Sampler
from tests.staged import NULL, Pushed, decoder, encoder, staged_model

WHOLE = staged_model(Staged(Pushed(), decoder(), encoder(null=[2])))
"""The null is an encoded text: ``[2, 0]``."""

BENT = staged_model(Staged(Pushed(bent=True), decoder(), encoder(null=[2])))
TEXT = staged_model(Staged(Pushed(), encoder=encoder()))
"""Without a decoder, and with a declared null."""

LATENT_ONLY = staged_model(Staged(Pushed(), decoder()))


def text(*tokens: int) -> dict[str, np.ndarray]:
    return {"text": np.array(tokens, np.int64)}


def noise(spec: FlowSpec) -> np.ndarray:
    return normal((2,), spec.seed, spec.index, Purpose.START).numpy()


def drawn(latent: np.ndarray) -> np.ndarray:
    """What the decoder makes of a latent, by its scale and shift."""
    a, b = latent / 0.5 + 1.0
    return np.array([a, b, a * b])


def same(one: Sample, other: Sample) -> bool:
    for name in ("data", "map", "t", "rate", "start", "state"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    return one.scores == other.scores


@contextmanager
def asked(model: Model, head: str) -> Iterator[list[int]]:
    """The numbers of rows that a head is asked for, evaluation by evaluation."""
    found: list[int] = []
    heads = evaluators(model)
    inner = heads[head]

    def counted(inputs: Any) -> Any:
        found.append(len(next(iter(inputs.values()))))
        return inner(inputs)

    counted.division = inner.division  # type: ignore[attr-defined]
    heads[head] = counted  # type: ignore[assignment]
    yield found
    heads[head] = inner


def fresh(model: Model) -> None:
    """Forget what was encoded."""
    model.engine.encodings = Encodings()  # type: ignore[attr-defined]


def test_a_sample_is_decoded_from_its_latent() -> None:
    spec = FlowSpec(3, 1, "heun", 4, condition=text(1, 4, 3))
    (made,) = run(WHOLE, [spec])
    latent = noise(spec) + np.array([1 - 3, 2])
    assert made.state == pytest.approx(latent, abs=1e-6)
    assert made.fields[LATENT] is made.state
    assert made.data == pytest.approx(drawn(latent), abs=1e-5)
    assert made.map.shape == made.start.shape == (2,)
    assert made.evaluations == 8, "of the velocity; the other stages do not count"
    assert made.finish_reason == "converged"


@pytest.mark.parametrize("model", [WHOLE, TEXT], ids=["encoded", "declared"])
def test_null_is_encoded_or_declared(model: Model) -> None:
    spec = FlowSpec(3, 1, "euler", 4)
    (made,) = run(model, [spec])
    null = [2, 0] if model is WHOLE else [NULL, NULL]
    assert made.state == pytest.approx(noise(spec) + null, abs=1e-6)
    (guided,) = run(model, [replace(spec, condition=text(1, 4, 3), guidance=3.0)])
    expected = np.array(null) + 3 * (np.array([-2, 2]) - null)
    assert guided.state == pytest.approx(noise(spec) + expected, abs=1e-5)
    assert guided.evaluations == 8


def test_an_embedding_is_taken_as_it_is() -> None:
    fresh(WHOLE)
    given = {"text": np.array([0.5, -1.5], np.float32)}
    spec = FlowSpec(3, 1, "euler", 4, condition=given, guidance=2.0)
    (made,) = run(WHOLE, [spec])
    assert made.state == pytest.approx(noise(spec) + np.array([-1, -3]), abs=1e-5)


def test_a_text_is_encoded_once() -> None:
    fresh(BENT)
    specs = [FlowSpec(3, n, "ab2", 5, condition=text(1, 1 + n % 2, 3)) for n in range(12)]
    with asked(BENT, "encoder") as rows, asked(BENT, "decoder") as decoded:
        made = run(BENT, specs, 5)
    assert rows == [3], "two texts and null"
    assert sum(decoded) == 12
    with asked(BENT, "encoder") as rows:
        again = run(BENT, specs, 12)
    assert rows == []
    assert all(map(same, made, again))


def test_the_answer_does_not_depend_on_what_is_kept() -> None:
    spec = FlowSpec(3, 1, "heun", 4, condition=text(1, 4, 3), guidance=2.0)
    (kept,) = run(BENT, [spec])
    BENT.engine.encodings = Encodings(0)  # type: ignore[attr-defined]
    others = [FlowSpec(7, n, "rk4", 3, condition=text(n, 1, 1)) for n in range(4)]
    made = run(BENT, [*others, spec, *others], 3)
    assert same(made[4], kept)
    fresh(BENT)
    assert same(run(BENT, [spec])[0], kept)


def test_encodings_are_kept_up_to_a_number_of_bytes() -> None:
    kept = Encodings(limit=24)
    for number in range(4):
        kept.put(bytes([number]), {"text": torch.full((2,), float(number))})
        assert kept.get(bytes([0])) is not None, "used, so that others go first"
    assert kept.nbytes == 24
    assert kept.get(bytes([1])) is None
    assert kept.get(bytes([3]))["text"].tolist() == [3, 3]
    kept.put(bytes([9]), {"text": torch.zeros(100)})
    assert kept.get(bytes([9])) is None


@pytest.mark.parametrize(("method", "tolerance"), [("heun", None), ("ab2", None), ("dopri5", 0.01)])
def test_it_does_not_depend_on_company(method: str, tolerance: float | None) -> None:
    """Decoded and encoded beside others, admitted at other times, paused."""
    spec = FlowSpec(
        2, 1, method, 6, tolerance=tolerance, condition=text(1, 2, 3), guidance=1.5,
        scores=("propagated", "residual"),
    )  # fmt: skip
    (alone,) = run(BENT, [spec])
    fresh(BENT)
    others = [FlowSpec(9, n, "rk4", 1 + n, condition=text(n, 0, 1)) for n in range(6)]
    assert same(run(BENT, [*others, spec, *others], 4)[6], alone)
    fresh(BENT)
    sampler = Sampler(BENT, 4)
    for ticket, lane in enumerate((others[0], spec, others[1])):
        sampler.admit(ticket, lane)
    finished: dict[int, Sample] = {}
    tick = 0
    while sampler.running or sampler.paused:
        (sampler.pause if tick % 3 == 0 else sampler.resume)({1} & {*sampler._in_slots})
        finished.update(sampler.tick().finished)
        tick += 1
    assert same(finished[1], alone)


def test_stages_have_ticks_of_their_own() -> None:
    """Lanes that end together are decoded together, beside others that are still solved."""
    fresh(BENT)
    short = [FlowSpec(2, n, "euler", 3, condition=text(1, 2, 3)) for n in range(3)]
    long = FlowSpec(2, 5, "euler", 9, condition=text(3, 2, 1))
    with asked(BENT, "decoder") as decoded, asked(BENT, "velocity") as solved:
        run(BENT, [*short, long], 4)
    assert decoded == [3, 1]
    assert solved == [4, 4, 4, *[1] * 6]


@pytest.mark.parametrize("model", [BENT, TEXT])
def test_taken_up_again_it_is_the_same(model: Model) -> None:
    spec = FlowSpec(2, 1, "ab2", 6, guidance=1.5, condition=text(1, 2, 3))
    (whole,) = run(model, [replace(spec, keep="all")])
    assert not any(name.startswith("condition") for name in whole.frames[0].arrays)
    frames = (Frame.parse(whole.frames[3].dump()), whole.frames[0], None)
    children = [replace(spec, origin=Branch(spec, 3, frame=frame)) for frame in frames]
    for child in children:
        model.check(child)
        fresh(model)
        assert same(run(model, [child])[0], whole)
    fresh(model)
    assert all(same(made, whole) for made in run(model, children))
    assert all(same(run(model, [parse(dump(child))])[0], whole) for child in children)


def test_another_prompt_from_there_on() -> None:
    spec = FlowSpec(2, 1, "heun", 8, condition=text(1, 4, 3), keep="all")
    (whole,) = run(WHOLE, [spec])
    for condition, move in ((text(4, 2, 0), [4, 1]), ({}, [2, 0])):
        fresh(WHOLE)
        (edited,) = edit(WHOLE, whole, 2, condition=condition)
        expected = noise(spec) + 0.25 * np.array([-2, 2]) + 0.75 * np.array(move)
        assert edited.state == pytest.approx(expected, abs=1e-5)
        assert edited.data == pytest.approx(drawn(expected), abs=1e-4)
        fresh(WHOLE)
        replayed = replace(edited.spec, origin=replace(edited.spec.origin, frame=None))
        assert same(run(WHOLE, [parse(dump(replayed))])[0], edited)
    (again,) = edit(BENT, run(BENT, [spec])[0], 3, [Resample(0.5)], condition=text(4, 2, 0))
    fresh(BENT)
    assert same(run(BENT, [parse(dump(again.spec))])[0], again)


def test_views_are_decoded_and_maps_are_not() -> None:
    spec = FlowSpec(3, 1, "euler", 4, condition=text(1, 4, 3))
    (whole,) = run(WHOLE, [spec])
    (seen,) = run(WHOLE, [replace(spec, watch=(0, 2))])
    assert same(seen, whole)
    for view, t in zip(seen.views, (0.0, 0.5), strict=True):
        state = noise(spec) + t * np.array([-2, 2])
        assert view.state == pytest.approx(drawn(state), abs=1e-5)
        assert view.prediction == pytest.approx(drawn(noise(spec) + np.array([-2, 2])), abs=1e-5)
        assert view.map.shape == (2,)
    with asked(WHOLE, "decoder") as rows:
        (halted,) = run(WHOLE, [replace(spec, watch=(0, 2), halt=2)])
    assert rows == [1] * 4
    assert [view.prediction.tobytes() for view in halted.views] == [
        view.prediction.tobytes() for view in seen.views
    ]
    assert np.isnan(halted.data).all()
    assert halted.data.shape == (3,)
    assert halted.state.shape == (2,)


def test_an_abandoned_lane_is_not_decoded() -> None:
    class Never:
        def should_stop(self, known: Any, t: float, spec: Any, confidence: float) -> bool:
            return True

    sampler = Sampler(WHOLE, 2)
    sampler._buckets._phases[()] = WHOLE.engine.phases(2, {"propagated": Never()})
    sampler.admit(0, FlowSpec(3, 1, "euler", 4, condition=text(1, 4, 3), early=0.9))
    with asked(WHOLE, "decoder") as rows:
        finished = [sample for _ in range(3) for _, sample in sampler.tick().finished]
    assert [sample.finish_reason for sample in finished] == ["abandoned"]
    assert rows == []
    assert np.isnan(finished[0].data).all()


def test_what_is_not_finite_ends_the_lane_alone() -> None:
    broken = staged_model(Staged(Pushed(), decoder(scale=1e-30), encoder(null=[2])))
    fine = FlowSpec(3, 1, "euler", 4, condition=text(1, 4, 3))
    (alone,) = run(broken, [fine])
    assert alone.finish_reason == "diverged", "the product of two such numbers"
    assert alone.state == pytest.approx(noise(fine) + np.array([-2, 2]), abs=1e-5)
    assert alone.confidence == 0


def test_a_latent_is_inverted_and_inpainted() -> None:
    """Operations and inversion act on latents; a sample's own is at hand."""
    spec = FlowSpec(0, 0, "heun", 10, condition=text(1, 4, 3))
    given = replace(spec, origin=Inverted(np.array([1, 1], np.float32)))
    WHOLE.check(given)
    fresh(WHOLE)
    (made,) = run(WHOLE, [given])
    assert made.start == pytest.approx([3, -1], abs=1e-5)
    assert made.inversion_error == pytest.approx(0, abs=1e-5)
    assert made.data == pytest.approx(drawn(np.array([1, 1])), abs=1e-4)
    mask = np.array([True, False])
    (held,) = edit(WHOLE, made, 2, [Inpaint(mask, made.state)], condition=text(4, 2, 0))
    assert held.state[0] == made.state[0]
    assert held.state[1] != made.state[1]
    with pytest.raises(ValueError, match=r"^data: has shape \[3\], not \[2\]"):
        WHOLE.check(replace(given, origin=Inverted(made.data)))


def test_warm_up_asks_every_stage() -> None:
    lanes = families()["flow"].warm_up_lanes(BENT.card)
    specs = [next(lanes) for _ in range(2)]
    for spec in specs:
        BENT.check(spec)
    fresh(BENT)
    with asked(BENT, "encoder") as rows, asked(BENT, "decoder") as decoded:
        run(BENT, specs)
    assert rows
    assert sum(decoded) == 2


@pytest.mark.parametrize(
    ("model", "condition", "message"),
    [
        (WHOLE, text(1, 2), r"condition\.text: has tokens of shape \[2\], not \[3\]"),
        (WHOLE, text(1, 2, 5), r"condition\.text: has a token that is not in 0 .. 4"),
        (WHOLE, {"text": np.zeros(3, np.float32)}, r"condition\.text: has shape \[3\], not \[2\]"),
        (LATENT_ONLY, text(1, 2, 3), r"condition\.text: has shape \[3\], not \[2\]"),
        (LATENT_ONLY, text(1, 2), r"condition\.text: .*float32"),
    ],
)
def test_what_cannot_be_is_refused(model: Model, condition: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        model.check(FlowSpec(0, 0, condition=condition))


def test_a_latent_model_without_texts() -> None:
    spec = FlowSpec(3, 1, "euler", 4)
    (made,) = run(LATENT_ONLY, [spec])
    assert made.data == pytest.approx(drawn(noise(spec) + NULL), abs=1e-5)


@pytest.mark.parametrize("model", [WHOLE, TEXT], ids=["encoded", "declared"])
def test_guidance_leads_away_from_a_negative_text(model: Model) -> None:
    """``v = v_negative + g (v_cond - v_negative)``, with a text, an array, or no condition."""
    fresh(model)
    null = np.array([2, 0] if model is WHOLE else [NULL, NULL])
    spec = FlowSpec(3, 1, "euler", 4, condition=text(1, 4, 3), guidance=3.0)
    away = {"text": np.array([0.5, 0.25], np.float32)}
    cases = (
        (text(1, 4, 3), text(4, 2, 0), np.array([-2, 2]), np.array([4, 1])),
        (text(1, 4, 3), away, np.array([-2, 2]), away["text"]),
        ({}, text(4, 2, 0), null, np.array([4, 1])),
    )
    specs = [replace(spec, condition=given, negative=negative) for given, negative, _, _ in cases]
    made = run(model, [*specs, spec, *specs], 4)
    for sample, (_, _, ahead, behind) in zip(made[:3], cases, strict=True):
        model.check(sample.spec)
        assert sample.state == pytest.approx(noise(spec) + behind + 3 * (ahead - behind), abs=1e-5)
    assert all(map(same, made[:3], made[4:]))
    assert made[3].state == pytest.approx(
        noise(spec) + null + 3 * (np.array([-2, 2]) - null), abs=1e-5
    )
    assert made[0].evaluations == 8


@pytest.mark.parametrize("method", ["heun", "ab2"])
def test_a_negative_text_is_replayed_and_changed(method: str) -> None:
    spec = FlowSpec(
        2, 1, method, 6, guidance=1.5, condition=text(1, 2, 3), negative=text(4, 4, 0), keep="all"
    )
    (whole,) = run(BENT, [spec])
    assert parse(dump(spec)).negative["text"].tolist() == [4, 4, 0]
    for frame in (whole.frames[3], None):
        fresh(BENT)
        child = replace(spec, origin=Branch(spec, 3, frame=frame), keep=())
        assert same(run(BENT, [parse(dump(child))])[0], whole)
    fresh(BENT)
    (changed,) = edit(BENT, whole, 3, negative=text(1, 1, 1))
    fresh(BENT)
    assert same(run(BENT, [parse(dump(changed.spec))])[0], changed)
    assert changed.data.tobytes() != whole.data.tobytes()
    assert FlowSpec(2, 1, negative=text(1, 2, 3), guidance=2.0).guided
    assert dump(replace(spec, negative={})) != dump(spec)
    assert families()["flow"].setting(spec).comparable is False


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"negative": text(1, 2)}, r"negative\.text: has tokens of shape \[2\], not \[3\]"),
        ({"negative": {"y": np.zeros(2, np.float32)}}, r"negative\.y: is unknown"),
        ({"negative": [1]}, r"negative: \[1\] is no arrays by name"),
        ({"negative": text(1, 2, 3), "guidance": 1.0}, "negative: is led away from by a guidance"),
        ({"negative_label": 0}, "negative_label: 0 is unknown; labels are none"),
        (
            {"negative": text(1, 2, 3), "scores": ("adherence",)},
            "scores: adherence compares with no condition, so not with a negative one",
        ),
    ],
)
def test_a_negative_that_cannot_be_is_refused(fields: dict[str, Any], message: str) -> None:
    spec = FlowSpec(0, 0, condition=text(1, 2, 3), guidance=2.0)
    with pytest.raises(ValueError, match=f"^{message}"):
        WHOLE.check(replace(spec, **fields))


def test_a_diffusion_model_has_stages_too() -> None:
    """With noise between its steps; decoded from the state that it ends in."""
    network = Staged(Pushed(bent=True), decoder(), encoder(null=[2]))
    card = replace(BENT.card, family="diffusion")
    model = Model(card, network, None)
    spec = DiffusionSpec(2, 1, "euler", 5, grid="uniform", eta=0.5, condition=text(1, 2, 3))
    model.check(spec)
    (made,) = run(model, [spec])
    assert made.data == pytest.approx(drawn(made.state), abs=1e-4)
    others = [replace(spec, index=n, condition=text(n, 1, 1)) for n in range(4)]
    assert same(run(model, [*others, spec], 5)[4], made)
    ode = run(model, [replace(spec, eta=0.0)])[0]
    assert (
        ode.data.tobytes()
        == run(BENT, [FlowSpec(2, 1, "euler", 5, condition=text(1, 2, 3))])[0].data.tobytes()
    )


def test_confidence_is_measured_by_the_examples() -> None:
    """Guided too; in a stratum of texts, which is that of no class."""
    given = encoder(null=[2], examples=["left", "right up", "far far"])
    model = staged_model(Staged(Pushed(bent=True), decoder(), given))
    made = calibrate(model, 400, [1.0, 2.0], 5, method="euler", steps=4, quiet=True)
    assert made.strata == ("*text", "")
    assert made.classes == 0
    model = model.recalibrated(made)
    drawn = [
        FlowSpec(7, n, "euler", 4, condition={"text": given.prompt.example(n)}, guidance=scale)
        for scale in (1.0, 2.0)
        for n in range(200)
    ]
    for spec, sample in zip(drawn, run(model, drawn), strict=True):
        assert families()["flow"].strata(spec) == [("*text", 1.0)]
        assert sample.confidence_holds
    for part in (drawn[:200], drawn[200:]):
        confidence = np.sort([sample.confidence for sample in run(model, part)])
        assert np.abs(confidence - (np.arange(200) + 0.5) / 200).max() < 0.15, "2.1 at 0.07"
    array = {"text": np.zeros(2, np.float32)}
    (by_array,) = run(model, [FlowSpec(7, 0, "euler", 4, condition=array)])
    assert not by_array.confidence_holds
