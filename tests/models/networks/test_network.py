"""What every velocity network promises, on each kind that is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr
from stubs import Scripted, model_of
from torch import Tensor, nn

from sureflow.families.flow.spec import FlowSpec
from sureflow.moments import Moments
from sureflow.networks import NetworkOutput, VelocityNetwork, build
from sureflow.sampling.sample import run
from sureflow.training.loss import OBJECTIVES
from sureflow.training.points import Points

Randomised = Callable[..., VelocityNetwork]
Simulate = Callable[..., Tensor]

CONFIGS: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "shape": [6], "width": 32, "layers": 2, "embedding": 16, "classes": 3},
    "unet": {
        "kind": "unet",
        "shape": [1, 8, 8],
        "channels": [16, 32],
        "blocks": 1,
        "embedding": 16,
        "heads": 2,
        "groups": 4,
        "classes": 3,
    },
    "dit": {
        "kind": "dit",
        "shape": [1, 8, 8],
        "width": 32,
        "blocks": 2,
        "heads": 2,
        "patch": 2,
        "embedding": 16,
        "classes": 3,
    },
}
PLACES = {
    "mlp": ["layer_0", "layer_1", "head"],
    "unet": ["middle", "up_1", "up_0", "head"],
    "dit": ["block_0", "block_1", "head"],
}
MIDDLE = {"mlp": "layer_1", "unet": "up_0", "dit": "block_1"}
KINDS = [*CONFIGS]


def _inputs(kind: str, count: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(count, *CONFIGS[kind]["shape"], generator=generator)
    t = torch.rand(count, generator=generator)
    return x, t, torch.randint(3, (count,), generator=generator)


def _variance(out: Moments) -> Tensor:
    assert out.variance is not None
    return out.variance


@pytest.mark.parametrize("kind", KINDS)
def test_mean_path_is_bitwise_the_plain_network(kind: str, randomised: Randomised) -> None:
    """With noise everywhere, as much as with no noise layer built at all."""
    noisy = randomised(CONFIGS[kind] | {"noise": PLACES[kind]})
    plain = build(CONFIGS[kind] | {"noise": []}).eval()
    weights = {n: w for n, w in noisy.state_dict().items() if not n.startswith("noise.")}
    plain.load_state_dict(weights)
    x, t, label = _inputs(kind)
    with torch.no_grad():
        out = noisy.moments(x, t, label)
        assert torch.equal(out.mean, noisy(x, t, label))
        assert torch.equal(out.mean, plain(x, t, label))
    assert out.mean.shape == _variance(out).shape == x.shape
    assert (_variance(out) > noisy.floor).all()


@pytest.mark.parametrize("kind", KINDS)
def test_mean_path_under_autocast(kind: str, randomised: Randomised) -> None:
    network = randomised(CONFIGS[kind] | {"noise": PLACES[kind]})
    x, t, label = _inputs(kind)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        out = network.moments(x, t, label)
        assert torch.equal(out.mean, network(x, t, label))
    assert _variance(out).dtype == torch.float32
    full = _variance(network.moments(x, t, label)).detach()
    assert _variance(out).sum() / full.sum() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_layers_the_variance_is_the_floor(kind: str) -> None:
    network = build(CONFIGS[kind] | {"noise": [], "floor": 0.25})
    x, t, label = _inputs(kind)
    assert torch.equal(_variance(network.moments(x, t, label)), torch.full_like(x, 0.25))


@pytest.mark.parametrize("kind", KINDS)
def test_noise_at_the_head_is_exact(
    kind: str, randomised: Randomised, drawn_noise: Simulate
) -> None:
    network = randomised(CONFIGS[kind] | {"noise": ["head"], "floor": 0.0})
    x, t, _ = _inputs(kind)
    predicted = _variance(network.moments(x[:1], t[:1]))[0].detach()
    drawn = drawn_noise(network, x, t)
    # An estimate from 8000 draws has a relative deviation of 1.6 %; five of those per entry.
    assert predicted.sum() / drawn.sum() == pytest.approx(1, abs=0.025)
    torch.testing.assert_close(predicted, drawn, rtol=0.08, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_in_the_middle_keeps_trace_and_ranking(
    kind: str, randomised: Randomised, drawn_noise: Simulate
) -> None:
    network = randomised(CONFIGS[kind] | {"noise": [MIDDLE[kind]], "floor": 0.0})
    x, t, _ = _inputs(kind)
    predicted = _variance(network.moments(x[:1], t[:1]))[0].detach()
    drawn = drawn_noise(network, x, t)
    assert 0.75 < predicted.sum() / drawn.sum() < 1.1
    assert spearmanr(predicted.flatten(), drawn.flatten()).statistic > 0.85


@pytest.mark.parametrize("kind", KINDS)
def test_null_label_is_no_label(kind: str, randomised: Randomised) -> None:
    network = randomised(CONFIGS[kind])
    x, t, label = _inputs(kind)
    null = torch.full_like(label, network.classes)
    assert torch.equal(network(x, t), network(x, t, null))
    assert not torch.allclose(network(x, t), network(x, t, label))


@pytest.mark.parametrize("kind", KINDS)
def test_velocity_depends_on_time(kind: str, randomised: Randomised) -> None:
    network = randomised(CONFIGS[kind])
    x, t, _ = _inputs(kind)
    assert not torch.allclose(network(x, t), network(x, 1 - t))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_does_not_depend_on_its_neighbours(kind: str, randomised: Randomised) -> None:
    network = randomised(CONFIGS[kind] | {"noise": PLACES[kind]})
    x, t, label = _inputs(kind, 16)
    others = x + 1
    others[3] = x[3]
    with torch.no_grad():
        whole = network.moments(x, t, label)
        changed = network.moments(others, t, label)
        part = network.moments(x[:8], t[:8], label[:8])
    for field in ("mean", "variance"):
        assert torch.equal(getattr(whole, field)[3], getattr(changed, field)[3])
        assert torch.equal(getattr(whole, field)[:8], getattr(part, field))


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_reaches_every_parameter(kind: str, randomised: Randomised) -> None:
    network = randomised(CONFIGS[kind] | {"noise": PLACES[kind]})
    x, t, label = _inputs(kind, 64)
    label[0] = 3
    out = network.moments(x, t, label)
    (out.mean.square().sum() + _variance(out).log().sum()).backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_split_into_noise_and_velocity(kind: str) -> None:
    network = build(CONFIGS[kind])
    split = len(network.noise_parameters()) + len(network.velocity_parameters())
    assert split == len([*network.parameters()])
    of_noise = {id(p) for p in network.noise.parameters()}
    assert {id(p) for p in network.noise_parameters()} == of_noise != set()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", ["beta_nll", "decoupled"])
def test_a_few_steps_learn(kind: str, objective: str) -> None:
    """Two constant classes: the velocity is simple, and so is its variance."""
    torch.manual_seed(0)
    network = build(CONFIGS[kind])
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(40):
        label = torch.randint(2, (32,), generator=generator)
        x1 = (2.0 * label - 1).reshape(-1, *(1,) * len(network.shape)).expand(-1, *network.shape)
        x0 = torch.randn(x1.shape, generator=generator)
        t = torch.rand(32, generator=generator)
        time = t.reshape(-1, *(1,) * len(network.shape))
        optimizer.zero_grad()
        at = Points((1 - time) * x0 + time * x1, t, x1 - x0, label, {})
        OBJECTIVES[objective][0](network, at)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if 5 <= step < 35:
            continue
        with torch.no_grad():
            out = network((1 - time) * x0 + time * x1, t, label)
        losses.append(float((x1 - x0 - out).square().mean()))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_noise_place_is_named(kind: str) -> None:
    with pytest.raises(ValueError, match=r"noise: no layer named \['attic'\]; choose from .*head"):
        build(CONFIGS[kind] | {"noise": ["head", "attic"]})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_answers_of_any_floating_point_type_are_cast_to_that_of_the_point(
    dtype: torch.dtype,
) -> None:
    class Other(Scripted):
        """One that has something to be probed, too."""

        def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
            out = super().run(x, t, label, noisy)
            return NetworkOutput(out.mean, out.variance, hidden=x.to(dtype))

    network = Other(lambda x, t, label: -x.to(dtype), lambda x, t, label: x.square().to(dtype))
    network.probe_channels = 2
    model = model_of(network)
    x, t = torch.randn(5, 2), torch.rand(5)
    out = network.moments(x, t)
    assert out.mean.dtype == out.variance.dtype == torch.float32
    assert torch.equal(out.mean, -x.to(dtype).float())
    assert torch.equal(out.mean, network(x, t))
    specs = [FlowSpec(0, 0, "heun", 3, scores=("propagated", "probe"))]
    assert [sample.finish_reason for sample in run(model, specs)] == ["converged"]
