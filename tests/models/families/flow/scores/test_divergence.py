"""Densities by one random derivative of the velocity, against exact Jacobians and densities."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from stubs import Scripted, model_of

from sureflow.core.draw import Purpose, normal, signs
from sureflow.core.family import cost_of
from sureflow.families.flow.directional import derivative, differentiable, gradient, tangent
from sureflow.families.flow.head import jvp
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import COEFFICIENTS
from sureflow.networks import GaussianMixture, VelocityNetwork, build
from sureflow.sampling.evaluator import Evaluator
from sureflow.sampling.sample import run, sample
from sureflow.sampling.sampler import Sampler

ONLY = ("divergence",)
MIXTURE = GaussianMixture(
    [[1.0, 1.0], [-1.0, 0.5]],
    [0.4, 0.6],
    [[[0.3, 0.2], [0.2, 0.3]], [[0.2, -0.1], [-0.1, 0.4]]],
    labels=[0, 1],
)
OF_MIXTURE = model_of(MIXTURE)
CONFIGS = {
    "mlp": {"kind": "mlp", "shape": [3], "classes": 2},
    "unet": {"kind": "unet", "shape": [1, 8, 8], "channels": [8, 16], "classes": 2},
    "dit": {"kind": "dit", "shape": [1, 8, 8], "width": 32, "blocks": 2, "classes": 2},
}


def drawn(kind: str) -> VelocityNetwork:
    """A network with every weight drawn, so that no layer is idle."""
    network, generator = build(CONFIGS[kind]), torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            fan_in = parameter[0].numel()
            parameter.data = fan_in**-0.5 * torch.randn(parameter.shape, generator=generator)
    return network.eval().requires_grad_(False)


def linear(matrix: list[list[float]]) -> Scripted:
    """Velocity ``A x``, multiplied and summed row by row."""
    a = torch.tensor(matrix)
    return Scripted(lambda x, t, label: (a * x.unsqueeze(-2)).sum(-1), shape=(len(matrix),))


def log_noise(spec: FlowSpec, size: int) -> float:
    start = normal((size,), spec.seed, spec.index, Purpose.START).double()
    return float(-0.5 * (start.square().sum() + size * math.log(2 * math.pi)))


def exact(spec: FlowSpec, network: VelocityNetwork) -> float:
    """Heun's path by hand, with the trace of the Jacobian that autograd makes whole."""
    null = network.classes
    labels = [null if spec.label is None else spec.label, null]
    scale = spec.guidance

    def velocity(x: torch.Tensor, t: float) -> torch.Tensor:
        at, rows = torch.full((2,), t), torch.stack([x, x])
        both = network(rows, at, torch.tensor(labels))
        return both[1] + scale * (both[0] - both[1])

    x = normal(network.shape, spec.seed, spec.index, Purpose.START).double()
    total, h = 0.0, 1 / spec.steps
    for step in range(spec.steps):
        k = []
        for stage in (0, 1):
            at, t = (x, step * h) if stage == 0 else (x + h * k[0], (step + 1) * h)
            k.append(velocity(at, t))
            jacobian = torch.autograd.functional.jacobian(lambda y, t=t: velocity(y, t), at)
            total += h / 2 * float(torch.trace(jacobian))
        x = x + h / 2 * (k[0] + k[1])
    return total - log_noise(spec, math.prod(network.shape))


def test_signs_are_fair_and_fixed() -> None:
    found = signs((10_000,), 7, 3, Purpose.DIRECTION)
    assert set(found.tolist()) == {-1.0, 1.0}
    assert abs(float(found.mean())) < 4 / 100
    assert torch.equal(found, signs((10_000,), 7, 3, Purpose.DIRECTION))
    for other in (signs((10_000,), 7, 4, Purpose.DIRECTION), signs((10_000,), 7, 3, Purpose.START)):
        assert abs(float((found * other).mean())) < 4 / 100


@pytest.mark.parametrize("kind", CONFIGS)
def test_directional_derivatives_of_networks_are_those_of_backward_mode(kind: str) -> None:
    network = drawn(kind)
    x, z = (
        torch.randn(3, *network.shape, generator=torch.Generator().manual_seed(i)) for i in (1, 2)
    )
    z = torch.where(z < 0, -1.0, 1.0)
    t, label = torch.tensor([0.0, 0.4, 1.0]), torch.tensor([0, 1, 2])
    with torch.inference_mode():
        found = jvp(network, {}).evaluate(x=x, t=t, label=label, direction=z)["slope"]
    x.requires_grad_(True)
    # z . (J z) is also (J^T z) . z
    with torch.enable_grad():
        (pulled,) = torch.autograd.grad((network(x, t, label) * z).sum(), x)
    truth = (pulled * z).flatten(1).sum(1)
    assert found.tolist() == pytest.approx(truth.tolist(), rel=1e-3, abs=1e-3)
    assert differentiable(network)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_row_has_the_same_bits_in_any_block(kind: str) -> None:
    network = drawn(kind)
    head = jvp(network, {})
    evaluator = Evaluator(head.evaluate, head.example, candidates=(2, 3, 4, 6, 8))
    rows = 19
    x = torch.stack([normal(network.shape, 5, row, Purpose.START) for row in range(rows)])
    z = torch.stack([signs(network.shape, 5, row, Purpose.DIRECTION) for row in range(rows)])
    inputs = {
        "x": x,
        "t": torch.linspace(0, 1, rows),
        "label": torch.arange(rows) % 3,
        "direction": z,
    }
    with torch.inference_mode():
        whole = evaluator(inputs)["slope"]
        for row in range(rows):
            one = {name: value[row : row + 1] for name, value in inputs.items()}
            assert torch.equal(evaluator(one)["slope"], whole[row : row + 1])


@pytest.mark.parametrize("method", ["euler", "heun", "rk4", "ab2"])
def test_a_diagonal_velocity_leaves_no_error(method: str) -> None:
    """``v = A x`` with a diagonal: the divergence is its trace, whatever the signs."""
    specs = [FlowSpec(1, i, method, 5, scores=ONLY) for i in range(4)]
    for spec, made in zip(
        specs, run(model_of(linear([[0.5, 0.0], [0.0, -2.0]])), specs), strict=True
    ):
        assert made.uncertainty == pytest.approx(-1.5 - log_noise(spec, 2), abs=1e-5)


def test_a_linear_velocity_gives_its_quadratic_form() -> None:
    """``z . (A z)`` with the sample's own signs; the mean over samples is the trace."""
    matrix = [[0.5, 0.3, 0.0], [-0.1, -2.0, 0.7], [0.2, 0.4, 1.0]]
    specs = [FlowSpec(2, i, "euler", 2, scores=ONLY) for i in range(600)]
    found = []
    for spec, made in zip(specs, run(model_of(linear(matrix)), specs, 64), strict=True):
        z = signs((3,), spec.seed, spec.index, Purpose.DIRECTION).numpy()
        found.append(made.uncertainty + log_noise(spec, 3))
        assert found[-1] == pytest.approx(float(z @ np.array(matrix) @ z), abs=1e-5)
    spread = math.sqrt(0.2**2 + 0.2**2 + 1.1**2)
    assert np.std(found) == pytest.approx(spread, rel=0.1)
    assert abs(np.mean(found) - (0.5 - 2.0 + 1.0)) < 4 * spread / math.sqrt(len(found))


@pytest.mark.parametrize(("label", "scale"), [(None, 1.0), (1, 1.0), (0, 2.5)])
def test_the_mean_over_probes_is_exact(label: int | None, scale: float, monkeypatch) -> None:
    """All four draws of two signs, on a path that is the same: their mean has no error left."""
    spec = FlowSpec(3, 5, "heun", 6, label, scale, scores=ONLY)
    found = []
    for probe in ([1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]):
        monkeypatch.setattr(
            "sureflow.families.flow.scores.likelihood.signs",
            lambda *_, probe=probe: torch.tensor(probe),
        )
        found.append(run(OF_MIXTURE, [spec])[0].uncertainty)
    assert found[0] == found[3] != found[1] == found[2]
    assert np.mean(found) == pytest.approx(exact(spec, MIXTURE), abs=1e-4)


def test_one_probe_is_unbiased() -> None:
    specs = [FlowSpec(4, i, "heun", 3, scores=ONLY) for i in range(100)]
    made = run(OF_MIXTURE, specs, 64)
    errors = [one.uncertainty - exact(one.spec, MIXTURE) for one in made]
    assert np.std(errors) > 0.01
    assert abs(np.mean(errors)) < 4 * np.std(errors) / math.sqrt(len(errors))


def test_one_dimension_is_the_log_density() -> None:
    for deviation in (0.5, 2.0):
        net = GaussianMixture([[0.7]], [1.0], [deviation])
        for made in run(model_of(net), [FlowSpec(1, i, "rk4", 10, scores=ONLY) for i in range(5)]):
            standard = (float(made.data[0]) - 0.7) / deviation
            truth = 0.5 * standard**2 + 0.5 * math.log(2 * math.pi * deviation**2)
            assert made.uncertainty == pytest.approx(truth, abs=2e-4)


@pytest.mark.parametrize("kind", CONFIGS)
def test_neither_company_nor_the_score_changes_a_bit(kind: str) -> None:
    model = model_of(drawn(kind))
    crowd = [
        FlowSpec(6, i, method, 4, (0, 1, None)[i % 3], 2.0 if i % 3 == 0 else 1.0, tolerance,
                 scores=("divergence", "adherence") if i % 3 else ONLY if i % 2 else ())
        for i, (method, tolerance) in enumerate(
            [("heun", 0.05), ("euler", None), ("ab2", 0.05), ("bosh3", 0.05), ("rk4", None),
             ("heun", 0.05), ("euler", None)]
        )
    ]  # fmt: skip
    crowd = [replace(s, scores=ONLY) if s.label is None and s.scores else s for s in crowd]
    for together, spec in zip(run(model, crowd, 5), crowd, strict=True):
        (alone,) = run(model, [spec], 1)
        (plain,) = run(model, [replace(spec, scores=())], 1)
        assert alone.scores == together.scores
        assert together.data.tobytes() == alone.data.tobytes() == plain.data.tobytes()


@pytest.mark.parametrize("scales", [(1.0, 0.0, 2.0), (2.0, 1.0, 2.0), (1.0, 1.0, 1.0, 2.0)])
def test_second_rows_are_differentiated_along_the_signs_of_their_own_lane(scales) -> None:
    """Whoever sits between them; a scale of 0 here stands for a lane without the score."""
    model = OF_MIXTURE
    crowd = [
        FlowSpec(7, i, "heun", 3, 0, scale or 1.0, scores=ONLY if scale else ("propagated",))
        for i, scale in enumerate(scales)
    ]
    for together, spec in zip(run(model, crowd, len(crowd)), crowd, strict=True):
        assert together.scores == run(model, [spec], 1)[0].scores


@pytest.mark.parametrize("method", ["euler", "heun", "ab2", "dopri5"])
@pytest.mark.parametrize("tolerance", [None, 0.01])
def test_every_evaluation_costs_twice(method: str, tolerance: float | None) -> None:
    if method == "euler" and tolerance:
        return
    for label, scale in ((None, 1.0), (0, 3.0)):
        spec = FlowSpec(0, 0, method, 5, label, scale, tolerance)
        plain, asked = (run(OF_MIXTURE, [replace(spec, scores=names)])[0] for names in ((), ONLY))
        assert asked.evaluations == 2 * plain.evaluations
        assert asked.data.tobytes() == plain.data.tobytes()


def test_rows_are_asked_of_the_tick() -> None:
    specs = [
        FlowSpec(0, 0, "euler", 2, scores=ONLY),
        FlowSpec(0, 1, "euler", 2),
        FlowSpec(0, 2, "euler", 2, 1, 2.0, scores=("propagated", "divergence")),
        FlowSpec(0, 3, "euler", 2, parallel=2),
    ]
    assert [cost_of(spec).peak for spec in specs] == [2, 1, 4, 2]
    sampler = Sampler(OF_MIXTURE, 4)
    for ticket, spec in enumerate(specs):
        sampler.admit(ticket, spec)
    assert sampler.tick().rows == 2 + 1 + 4 + 1
    assert COEFFICIENTS.stages[0] == 1
    assert sampler.rows_spent == 8


class Closed(torch.autograd.Function):
    """An operation without a forward mode."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def detached(x):
    return torch.cat([x.detach()[:, :1] ** 2, x[:, 1:]], 1)


def outside(x):
    return torch.from_numpy(np.tanh(x.numpy(force=True)))


def rounded(x):
    """Right where it is differentiated, by a rule that is wrong."""
    return x.detach() + 0.5 * (x - x.detach())


def test_reverse_mode_is_taken_where_there_is_no_forward_mode() -> None:
    """It gives the same slope."""

    def run(x, t, label, leave=lambda x: x):
        return leave(x) @ torch.tensor([[1.0, 2.0], [0.5, -1.0]]) * (1 + t[:, None])

    plain = Scripted(run)
    closed = Scripted(lambda x, t, label: run(x, t, label, Closed.apply))
    assert derivative(plain) is tangent
    assert derivative(closed) is gradient
    found = [sample(model_of(each), 3, 1, steps=4, scores=ONLY) for each in (plain, closed)]
    for one, other in zip(*found, strict=True):
        assert one.uncertainty == pytest.approx(other.uncertainty, rel=1e-5)


@pytest.mark.parametrize("velocity", [detached, outside, rounded])
def test_a_part_without_tangents_is_found(velocity) -> None:
    """Forward mode itself raises nothing, and takes that part for a constant."""
    assert not differentiable(Scripted(lambda x, t, label: velocity(x)))


@pytest.mark.parametrize(
    "velocity", [lambda x: x.relu(), lambda x: torch.ones_like(x), lambda x: (20 * x).sin()]
)
def test_kinks_constants_and_waves_can_be_differentiated(velocity) -> None:
    assert differentiable(Scripted(lambda x, t, label: velocity(x)))


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(ValueError, match="not with parallel"):
        sample(OF_MIXTURE, 1, method="euler", parallel=4, scores=ONLY)
    closed = Scripted(lambda x, t, label: outside(x))
    assert not differentiable(closed)
    model = model_of(closed)
    model = replace(model, card=replace(model.card, differentiable=False))
    with pytest.raises(ValueError, match="cannot be differentiated"):
        sample(model, 1, scores=ONLY)
