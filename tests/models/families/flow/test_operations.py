"""What is done to lanes where they are taken up again, against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from stubs import Scripted, model_of

from sureflow.core.lane import Branch
from sureflow.families.flow.edits import gradient
from sureflow.families.flow.measurement import measurement
from sureflow.families.flow.objectives import brightness, register, smoothness
from sureflow.families.flow.operations import Guide, Inpaint, Resample, Uncertain
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run

COVARIANCE = [[1.0, 0.6], [0.6, 0.5]]


def gaussian(mean=(1.0, -0.5), covariance=COVARIANCE, shape=None):
    return model_of(GaussianMixture([list(mean)], [1.0], [covariance], shape=shape))


def edited(parent: FlowSpec, step: int, *operations, frame=None, **fields) -> FlowSpec:
    return replace(parent, origin=Branch(parent, step, operations, frame), **fields)


def straight(shape=(2,)):
    """Everything goes to 3: ``v = (3 - x) / (1 - t)``, with more variance in later components.

    Finite at ``t = 1`` as well, where euler never asks.
    """
    growing = torch.arange(1.0, 1 + int(np.prod(shape))).reshape(shape)
    return model_of(
        Scripted(
            lambda x, t, label: (3 - x) / (1 - t.reshape(-1, *(1 for _ in shape))).clamp(min=1e-3),
            lambda x, t, label: growing.expand_as(x).clone(),
            shape=shape,
        )
    )


def test_a_resampled_state_has_the_law_that_it_should() -> None:
    """With ``mu1 = 3``: mean ``3t + (1-t) sqrt(1-s^2) x0``, deviation ``(1-t) s``; noise apart."""
    parent, strength, t = FlowSpec(7, 0, "euler", 10), 0.6, 0.3
    specs = [
        edited(replace(parent, seed=3), 3, Resample(strength), seed=seed, halt=3)
        for seed in range(1500)
    ]
    made = run(straight(), specs, 64)
    states = np.stack([sample.data for sample in made])
    start = made[0].start
    np.testing.assert_allclose(
        states.mean(0), 3 * t + (1 - t) * 0.8 * start, atol=4 * 0.42 / 1500**0.5
    )
    np.testing.assert_allclose(states.std(0), (1 - t) * strength, rtol=0.07)
    assert abs(np.corrcoef(states.T)[0, 1]) < 0.1


def test_regions_are_kept_to() -> None:
    """A mask, and the least sure share: the others keep every bit."""
    model, parent = straight((5,)), FlowSpec(7, 0, "euler", 10, keep=(0.3,))
    (whole,) = run(model, [parent])
    (frame,) = whole.frames
    mask = np.array([True, False, True, False, False])
    parent = replace(parent, keep=())
    for region, expected in ((mask, mask), (Uncertain(0.4), [0, 0, 0, 1, 1]), ("all", [1] * 5)):
        spec = edited(parent, 3, Resample(1.0, region), frame=frame, halt=3, seed=8)
        model.check(spec)
        (made,) = run(model, [spec])
        assert ((made.data != frame.arrays["x"]) == np.array(expected, bool)).all()
        assert made.evaluations == 1 + 1  # where it branches, and where it halts


def test_nothing_is_drawn_anew_at_strength_zero(mixture) -> None:
    """Up to rounding the state is what it was; numbers of one chain are never shared."""
    parent = FlowSpec(2, 0, "heun", 10)
    (whole,), (same,) = run(mixture, [parent]), run(mixture, [edited(parent, 4, Resample(0.0))])
    np.testing.assert_allclose(whole.data, same.data, atol=1e-5)
    once = edited(parent, 0, Resample())
    twice = edited(once, 0, Resample())
    both = edited(parent, 0, Resample(), Resample())
    a, b, c = (s.start for s in run(mixture, [once, twice, both]))
    assert not np.allclose(a, b)
    assert b.tobytes() == c.tobytes()


def test_from_the_beginning_with_all_strength_it_is_a_new_sample(mixture) -> None:
    """Its noise is standard normal, and the samples follow the prior."""
    parent = FlowSpec(2, 0, "heun", 12)
    made = run(mixture, [edited(parent, 0, Resample(), index=i) for i in range(800)], 64)
    noise = np.stack([sample.start for sample in made])
    assert abs(noise.mean(0)).max() < 0.14
    assert abs(noise.std(0) - 1).max() < 0.1
    data = np.stack([sample.data for sample in made])
    other = mixture.network.draw(3000, torch.Generator().manual_seed(0)).numpy()
    for direction in (np.array([1, 0]), np.array([0, 1]), np.array([1, 1])):
        assert ks_2samp(data @ direction, other @ direction).pvalue > 1e-3
    (one, ordinary) = run(mixture, [edited(parent, 0, Resample()), replace(parent, index=5)])
    assert one.uncertainty != ordinary.uncertainty
    assert one.scores.keys() == ordinary.scores.keys()


def test_edited_lanes_have_no_neighbours(unet) -> None:
    parent = FlowSpec(2, 0, "heun", 4, label=1)
    mask = np.zeros((1, 8, 8), bool)
    mask[:, :4] = True
    known = np.full((1, 8, 8), 0.5, np.float32)
    specs = [
        edited(parent, 2, Resample(0.5, Uncertain(0.3)), label=2, guidance=2.0),
        edited(parent, 1, Inpaint(mask, known, 2), method="ab2", steps=5),
        edited(parent, 1, Inpaint(mask, known, 2), method="dopri5", tolerance=0.1),
        edited(parent, 1, Guide("downsample", target=known[:, ::2, ::2]), method="rk4"),
        edited(parent, 0, Guide("blur", target=known), method="bosh3", tolerance=0.2),
        edited(parent, 2, Guide("smoothness", 0.1), method="ab2"),
        replace(parent, index=3),
    ]
    for spec in specs:
        unet.check(spec)
    together = run(unet, specs, capacity=5)
    for spec, sample in zip(specs, together, strict=True):
        (alone,) = run(unet, [spec])
        assert alone.data.tobytes() == sample.data.tobytes()
        assert alone.map.tobytes() == sample.map.tobytes()
        assert alone.evaluations == sample.evaluations
        (whole,) = run(unet, [replace(spec, keep="all")])
        frame = whole.frames[len(whole.frames) // 2]
        back = edited(spec, frame.step, frame=frame)
        replayed, stored = run(unet, [edited(spec, frame.step), back])
        assert replayed.data.tobytes() == stored.data.tobytes() == alone.data.tobytes()
        assert replayed.scores == stored.scores == alone.scores
        assert stored.start.tobytes() == alone.start.tobytes()


def conditional_errors(inner: int, count: int, steps: int) -> tuple[float, float]:
    """Of mean and variance of ``x2 | x1 = 2`` in a Gaussian, which are known."""
    mean, variance = -0.5 + 0.6 * (2.0 - 1.0), 0.5 - 0.36
    mask, known = np.array([True, False]), np.array([2.0, 0.0], np.float32)
    specs = [
        edited(FlowSpec(i, 0, "heun", steps), 0, Inpaint(mask, known, inner)) for i in range(count)
    ]
    made = run(gaussian(), specs, 64)
    data = np.stack([sample.data for sample in made])
    assert (data[:, 0] == 2).all()
    assert made[0].evaluations == 2 * steps * inner
    assert made[0].accepted == steps
    return abs(data[:, 1].mean() - mean), abs(data[:, 1].var() - variance)


def test_known_values_are_exact_and_the_rest_comes_to_terms_with_them() -> None:
    (m1, v1), (m4, v4) = (conditional_errors(inner, 120, 10) for inner in (1, 4))
    assert m4 < m1
    assert v4 < v1


@pytest.mark.slow
def test_the_rest_follows_the_conditional_law() -> None:
    """Mean and variance come nearer with ``inner``."""
    errors = [conditional_errors(inner, 800, 16) for inner in (1, 4, 16)]
    (m1, v1), (m4, v4), (m16, v16) = errors
    assert m16 < m4 < m1
    assert m16 < 0.05
    assert v16 < 0.04
    assert v16 < max(v1, v4) + 0.01


@pytest.mark.parametrize("method", ["euler", "heun", "ab2", "rk4", "dopri5"])
def test_a_measurement_is_satisfied(method: str) -> None:
    """Of a Gaussian image: the measurement is met, and what it leaves open stays free."""
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(16, 16)) / 4
    model = gaussian(np.zeros(16), (factor @ factor.T + np.eye(16) / 4).tolist(), (1, 4, 4))
    truth = rng.normal(size=(1, 4, 4)).astype(np.float32)
    mask = rng.random((1, 4, 4)) < 0.5
    tolerance = 1e-2 if method == "dopri5" else None
    for guide in (
        Guide("mask", target=truth, mask=mask),
        Guide("downsample", target=truth.reshape(1, 2, 2, 2, 2).mean((2, 4)).astype(np.float32)),
        Guide("blur", target=truth, sigma=0.6),
    ):
        one = measurement(guide, torch.device("cpu"))
        target = guide.target
        if guide.operator == "blur":
            target = one.measure(torch.from_numpy(truth)).numpy()
            guide = replace(guide, target=target)
        specs = [
            edited(FlowSpec(i, 0, method, 10, tolerance=tolerance), 2, guide) for i in range(4)
        ]
        model.check(specs[0])
        made = run(model, specs)
        for sample in made:
            measured = one.measure(torch.from_numpy(sample.data)).numpy()
            wanted = np.where(mask, target, 0) if guide.operator == "mask" else target
            np.testing.assert_allclose(measured, wanted, atol=1e-4)
        if guide.operator != "blur":
            assert np.abs(made[0].data - made[1].data).max() > 0.05


def test_the_least_change_explains_a_measurement() -> None:
    """``A A^+ = 1`` on measurements, and ``A^+ A`` is an orthogonal projection."""
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.normal(size=(2, 6, 6))).float()
    for guide in (
        Guide("mask", target=np.zeros((2, 6, 6), np.float32), mask=rng.random((2, 6, 6)) < 0.5),
        Guide("downsample", target=np.zeros((2, 2, 2), np.float32), factor=3),
        Guide("blur", target=np.zeros((2, 6, 6), np.float32), sigma=0.8),
    ):
        one = measurement(guide, torch.device("cpu"))
        y = one.measure(x)
        seen = one.explain(y)
        torch.testing.assert_close(one.measure(seen), y, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(one.explain(one.measure(seen)), seen, atol=1e-3, rtol=1e-3)
        assert float(((x - seen) * seen).sum()) == pytest.approx(0, abs=0.05)


def test_a_score_leads_by_its_gradient() -> None:
    """Of ``v = 3 - x0``: euler's expected end moves by the gradient at every step."""
    register("second", lambda x: x.reshape(-1)[1])
    spec = edited(FlowSpec(0, 0, "euler", 4), 3, Guide("second", 0.25))
    model = straight()
    model.check(spec)
    (made,) = run(model, [spec])
    np.testing.assert_allclose(made.data, [3.0, 3.25], atol=1e-5)
    x = torch.tensor([1.0, 2.0, 4.0])
    assert gradient(brightness, x).tolist() == pytest.approx([1 / 3] * 3)
    assert gradient(smoothness, x).tolist() == [1.0, 1.0, -2.0]
    with pytest.raises(ValueError, match="built in"):
        register("brightness", torch.sum)


def test_a_jump_is_no_part_of_the_path() -> None:
    """Straight on to the one end there is, from the noise at first and then from another."""
    net = Scripted(lambda x, t, label: (3.0 - x) / (1 - t).clamp(min=1e-3)[:, None])
    scores = ("straightness", "path_residual", "likelihood")
    parent = FlowSpec(1, 0, "euler", 10, scores=scores)
    (late, early) = run(
        model_of(net), [edited(parent, 5, Resample()), edited(parent, 0, Resample())]
    )
    for made in (late, early):
        assert made.scores["straightness"] == pytest.approx(0, abs=1e-4)
        assert made.scores["path_residual"] == pytest.approx(0, abs=1e-4)
    (whole,) = run(model_of(net), [parent])
    assert late.start.tobytes() == whole.start.tobytes()


def test_log_density_over_a_jump() -> None:
    """Of a Gaussian the gradient of the log-density is linear, so that the mean of two is exact."""
    model = gaussian()
    parent = FlowSpec(1, 0, "rk4", 40, scores=("likelihood",))
    specs = [
        edited(parent, 16, Resample(0.8)),
        edited(parent, 16, Resample(0.8), Resample(0.5)),
        edited(edited(parent, 16, Resample(0.8)), 16, keep=(0.4,)),
    ]
    made = run(model, specs)
    for sample in made:
        end = torch.from_numpy(sample.data)[None]
        exact = -float(model.network.log_density(end, torch.ones(1)))
        assert sample.scores["likelihood"] == pytest.approx(exact, abs=2e-3)
    assert made[0].scores == made[2].scores
    (frame,) = made[2].frames
    (again,) = run(model, [edited(specs[0], 16, frame=frame)])
    assert again.scores == made[0].scores


def test_the_density_of_a_lane_that_is_led_is_not_known(mixture) -> None:
    """By known values, a measurement, or another condition; from the beginning on it is."""
    parent = FlowSpec(1, 0, "heun", 10, label=0, scores=("likelihood",))
    known = np.ones(2, np.float32)
    specs = [
        edited(parent, 5, Inpaint(np.array([True, False]), known)),
        edited(parent, 0, Guide("mask", target=known, mask=np.array([True, False]))),
        edited(parent, 5, label=1),
        edited(parent, 0, Resample(), label=1),
    ]
    values = [sample.scores["likelihood"] for sample in run(mixture, specs)]
    assert np.isnan(values).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (Resample(1.5), "strength: "),
        (Resample(1.0, "some"), "region: "),
        (Resample(1.0, np.ones(3, bool)), "region: "),
        (Resample(1.0, np.zeros(2, bool)), "region: "),
        (Resample(1.0, Uncertain(0.0)), "region: "),
        (Inpaint(np.ones(3, bool), np.ones(2, np.float32)), "mask: "),
        (Inpaint(np.ones(2, bool), np.ones(3, np.float32)), "known: "),
        (Inpaint(np.ones(2, bool), np.full(2, np.nan, np.float32)), "known: "),
        (Inpaint(np.ones(2, bool), np.ones(2, np.float32), 0), "inner: "),
        (Guide("unheard"), "operator: "),
        (Guide("brightness", np.inf), "strength: "),
        (Guide("mask"), "target: "),
        (Guide("mask", target=np.ones(2, np.float32)), "mask: "),
        (Guide("downsample", target=np.ones(1, np.float32), factor=3), "factor: "),
        (Guide("downsample", target=np.ones(2, np.float32)), "target: "),
        (Guide("blur", target=np.ones(2, np.float32), sigma=0), "sigma: "),
    ],
)
def test_operations_that_cannot_be_done_are_refused(mixture, operation, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^operations\.0\.{message}"):
        mixture.check(edited(FlowSpec(0, 0), 3, operation))
