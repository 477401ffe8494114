"""Samples that are given to a latent model are encoded in a phase of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sureflow.core.family import families
from sureflow.core.lane import Branch, Inverted
from sureflow.families.flow.encodings import Encodings
from sureflow.families.flow.operations import Guide, Inpaint, Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks import SampleEncoder, Staged
from sureflow.recipe import dump, parse
from sureflow.sampling.sample import edit, run
from tests.models.families.flow.test_stages import asked, same, text
from tests.staged import Pushed, decoder, encoder, preview, sample_encoder, staged_model

MODEL = staged_model(
    Staged(Pushed(bent=True), decoder(), encoder(null=[2]), sample_encoder(), preview())
)
SPEC = FlowSpec(0, 0, "heun", 10, condition=text(1, 4, 3))


def drawn(a: float, b: float) -> np.ndarray:
    """A sample that the decoder can make."""
    return np.array([a, b, a * b], np.float32)


def latent_of(sample: np.ndarray) -> np.ndarray:
    return ((sample[:2] - np.float32(1)) * np.float32(0.5)).astype(np.float32)


def fresh(model: Model = MODEL) -> None:
    """Forget what was encoded."""
    model.engine.encodings = Encodings()  # type: ignore[attr-defined]


def inverted(data: np.ndarray, index: int = 0) -> FlowSpec:
    return replace(SPEC, index=index, origin=Inverted(data))


def test_a_sample_is_inverted_as_its_latent() -> None:
    fresh()
    sample = drawn(1.5, -0.5)
    by_sample, by_latent = inverted(sample), inverted(latent_of(sample))
    for spec in (by_sample, by_latent):
        MODEL.check(spec)
    (one,), (other,) = run(MODEL, [by_sample]), run(MODEL, [by_latent])
    assert same(one, other)
    assert one.evaluations == other.evaluations
    far = np.sqrt(np.square(one.data.astype(float) - sample).mean() / np.square(sample).mean())
    assert one.inversion_error == pytest.approx(far)
    assert one.inversion_error == pytest.approx(0, abs=0.02)


def test_the_error_counts_what_the_encoder_loses() -> None:
    """No latent decodes to it: the third component is no product."""
    (made,) = run(MODEL, [inverted(np.array([1.5, -0.5, 2.0], np.float32))])
    assert made.data == pytest.approx(drawn(1.5, -0.5), abs=0.05)
    assert made.inversion_error == pytest.approx(2.75 / np.sqrt(1.5**2 + 0.5**2 + 2**2), rel=0.03)


def test_samples_are_encoded_together_and_once() -> None:
    fresh()
    given = [inverted(drawn(n % 3, 1), n) for n in range(6)]
    with asked(MODEL, "sample_encoder") as rows:
        made = run(MODEL, given, 6)
    assert rows == [3]
    with asked(MODEL, "sample_encoder") as rows:
        again = run(MODEL, given, 2)
    assert rows == []
    assert all(map(same, made, again))
    fresh()
    others = [FlowSpec(9, n, "rk4", 1 + n, condition=text(n, 0, 1)) for n in range(4)]
    assert same(run(MODEL, [*others, given[4], *others], 3)[4], made[4])


def test_known_values_are_encoded_and_held() -> None:
    fresh()
    (made,) = run(MODEL, [replace(SPEC, keep="all")])
    mask, sample = np.array([True, False]), drawn(2, 4)
    for operation, value in (
        (lambda z: Inpaint(mask, z), latent_of(sample)[0]),
        (lambda z: Guide("mask", 1.0, z, mask), latent_of(sample)[0]),
    ):
        with asked(MODEL, "sample_encoder") as rows:
            (one,) = edit(MODEL, made, 3, [operation(sample)])
            (other,) = edit(MODEL, made, 3, [operation(latent_of(sample))])
        assert sum(rows) <= 1
        assert one.state[0] == pytest.approx(value, abs=1e-5)
        assert one.state[0] != pytest.approx(made.state[0], abs=0.1)
        assert same(one, other)
        fresh()
        for frame in (made.frames[2], None):
            again = replace(one.spec, origin=replace(one.spec.origin, frame=frame))
            MODEL.check(again)
            assert same(run(MODEL, [parse(dump(again))])[0], one)


def test_an_edit_of_an_edit_holds_it_still() -> None:
    """From a frame after the operation, which is then put back with its values encoded anew."""
    mask, sample = np.array([True, False]), drawn(2, 4)
    (made,) = run(MODEL, [SPEC])
    (held,) = edit(MODEL, made, 3, [Inpaint(mask, sample)], keep="all")
    last = next(frame for frame in held.frames if frame.step == 7)
    spec = replace(held.spec, keep=(), origin=Branch(held.spec, 8, (Resample(0.5),), last))
    fresh()
    (one,) = run(MODEL, [spec])
    fresh()
    (other,) = run(MODEL, [replace(spec, origin=replace(spec.origin, frame=None))])
    assert same(one, other)
    assert one.state[0] == latent_of(sample)[0]


def test_a_branch_of_an_inverted_sample() -> None:
    given = replace(inverted(drawn(1.5, -0.5)), keep="all")
    (made,) = run(MODEL, [given])
    for frame in (made.frames[4], None):
        fresh()
        child = replace(given, keep=(), origin=Branch(given, 5, frame=frame))
        MODEL.check(child)
        assert same(run(MODEL, [parse(dump(child))])[0], made)


def test_what_is_not_finite_ends_the_lane_alone() -> None:
    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :2] / x[:, 2:]

    stage = SampleEncoder(Broken(), (2,), 0.5, 1.0)
    model = staged_model(Staged(Pushed(), decoder(), sample_encoder=stage))
    fine = replace(inverted(drawn(1, 1)), condition={})
    lost = replace(fine, origin=Inverted(drawn(1, 0)))
    alone, other = run(model, [fine, lost])
    assert alone.finish_reason == "converged"
    assert other.finish_reason == "diverged"
    assert np.isnan(other.data).all()


def test_views_are_decoded_by_the_preview() -> None:
    """Two rows each, beside the decoder's one for the sample."""
    specs = [replace(SPEC, index=n, watch=(0, 5)) for n in range(3)]
    with asked(MODEL, "preview") as previews, asked(MODEL, "decoder") as decoded:
        seen = run(MODEL, specs, 3)
    assert (previews, decoded) == ([3] * 4, [3])
    plain = run(MODEL, [replace(spec, watch=()) for spec in specs], 3)
    full = staged_model(Staged(Pushed(bent=True), decoder(), encoder(null=[2])))
    for one, other, whole in zip(seen, plain, run(full, specs, 3), strict=True):
        assert same(one, other)
        assert one.data[2] != 0
        for view, decoded_view in zip(one.views, whole.views, strict=True):
            for shown in ("state", "prediction"):
                ours, theirs = getattr(view, shown), getattr(decoded_view, shown)
                assert ours[:2].tolist() == theirs[:2].tolist()
                assert (ours[2], theirs[2] == 0) == (0, False)
    (halted,) = run(MODEL, [replace(SPEC, watch=(0, 5), halt=5)])
    assert halted.views[1].prediction.tobytes() == seen[0].views[1].prediction.tobytes()


def test_warm_up_asks_the_preview() -> None:
    spec = next(families()["flow"].warm_up_lanes(MODEL.card))
    MODEL.check(spec)
    with asked(MODEL, "preview") as previews:
        run(MODEL, [spec])
    assert sum(previews) == 2


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (Inpaint(np.array([True, False]), np.zeros(4, np.float32)), r"operations\.0\.known: has"),
        (Guide("blur", target=np.zeros(3, np.float32)), r"operations\.0\.target: has shape \[3\]"),
        (
            Inpaint(np.array([True, False, True]), np.zeros(3, np.float32)),
            r"operations\.0\.mask: ",
        ),
    ],
)
def test_what_cannot_be_is_refused(operation: object, message: str) -> None:
    child = replace(SPEC, origin=Branch(SPEC, 3, (operation,)))
    with pytest.raises(ValueError, match=f"^{message}"):
        MODEL.check(child)
    with pytest.raises(ValueError, match=r"^data: has shape \[4\], not \[2\]"):
        MODEL.check(inverted(np.zeros(4, np.float32)))
