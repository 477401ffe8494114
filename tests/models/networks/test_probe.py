"""A number read off activations: its arithmetic, its file, and what it may be attached to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sureflow.networks import Bfloat16, FrozenVelocity, NetworkOutput, Probe, VelocityNetwork, build
from sureflow.networks.probe import between, pooled

Randomised = Callable[..., VelocityNetwork]

SMALL: dict[str, Any] = {"classes": 3, "embedding": 16}
IMAGES: dict[str, Any] = {"shape": [1, 8, 8], "heads": 2, "patch": 2, **SMALL}
CONFIGS: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "shape": [6], "width": 32, "layers": 2, **SMALL},
    "unet": {"kind": "unet", "channels": [16, 32], "blocks": 1, "groups": 4, **IMAGES},
    "dit": {"kind": "dit", "width": 32, "blocks": 2, **IMAGES},
}
NOISE = {"mlp": ["layer_0", "head"], "unet": ["up_1", "head"], "dit": ["block_1", "head"]}


def _inputs(kind: str, count: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(7)
    x = torch.randn(count, *CONFIGS[kind]["shape"], generator=drawn)
    return x, torch.rand(count, generator=drawn), torch.randint(3, (count,), generator=drawn)


def _probe(channels: int, classes: int = 3, knots: int = 5) -> Probe:
    drawn = torch.Generator().manual_seed(2)
    weight = torch.randn(knots, 2 * channels, generator=drawn)
    return Probe(weight, torch.randn(classes + 1, generator=drawn), {"judge": "chance"})


def _reading(network: VelocityNetwork, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
    reading = network.moments(x, t, label).reading
    assert reading is not None
    return reading


@pytest.mark.parametrize("shape", [(5, 3, 4, 6), (5, 7, 3), (5, 3)])
def test_moments_over_positions(shape: tuple[int, ...]) -> None:
    h = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    by_channel = h.mT if h.dim() == 3 else h.reshape(5, 3, -1)
    expected = torch.cat([by_channel.mean(-1), by_channel.std(-1, correction=0)], 1)
    torch.testing.assert_close(pooled(h), expected)
    alone = torch.cat([pooled(row[None]) for row in h])
    assert torch.equal(pooled(h), alone), "a row's bits are its own"


def test_weights_are_linear_between_knots() -> None:
    """Knots at 0, 1/2 and 1 with weights 0, 1 and -1 on a single channel of value 2."""
    weight = torch.tensor([[0.0, 9.0], [1.0, 9.0], [-1.0, 9.0]])
    probe = Probe(weight, torch.tensor([10.0, 20.0]), {})
    t = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    hidden = torch.full((5, 1), 2.0)
    read = probe(hidden, t, torch.tensor([0, 0, 0, 1, 1]))
    assert read.tolist() == pytest.approx([10, 11, 12, 20, 18])
    place, share = between(t, 3)
    assert place.tolist() == [0, 0, 1, 1, 1]
    assert share.tolist() == pytest.approx([0, 0.5, 0, 0.5, 1])


def test_a_single_position_bends_at_its_centre(tmp_path: Path) -> None:
    """Centres 0 and 4 at the ends, so 1 at a quarter; weights 0 and 10 of the distance alone."""
    weight, centre = torch.tensor([[0.0, 10.0]] * 2), torch.tensor([[0.0], [4.0]])
    probe = Probe(weight, torch.zeros(1), {}, centre)
    label = torch.zeros(3, dtype=torch.int64)
    read = probe(torch.tensor([[-1.0], [1.0], [2.0]]), torch.full((3,), 0.25), label)
    assert read.tolist() == [20, 0, 10]
    probe.save(tmp_path / "probe.safetensors")
    again = Probe.load(tmp_path / "probe.safetensors")
    assert again.centre is not None
    assert torch.equal(again.centre, centre)
    assert again.tensors().keys() == {"weight", "bias", "centre"}
    with pytest.raises(ValueError, match=r"centre has shape \[2, 2\], not \[2, 1\]"):
        Probe(weight, torch.zeros(1), {}, torch.zeros(2, 2))
    with pytest.raises(ValueError, match="centre holds NaN"):
        Probe(weight, torch.zeros(1), {}, centre * torch.nan)


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_kind_can_be_probed(kind: str, randomised: Randomised) -> None:
    network = randomised(CONFIGS[kind] | {"noise": NOISE[kind]})
    x, t, label = _inputs(kind, 16)
    with torch.no_grad():
        before = network.moments(x, t, label)
        assert before.reading is None
        probe = _probe(network.probe_channels)
        network.attach(probe)
        after = network.moments(x, t, label)
        assert torch.equal(after.mean, before.mean), "it only looks"
        assert after.variance is not None
        assert before.variance is not None
        assert torch.equal(after.variance, before.variance)
        shown = network.run(x, t, label, noisy=True)
        assert isinstance(shown, NetworkOutput)
        assert shown.hidden is not None
        assert torch.equal(_reading(network, x, t, label), probe(shown.hidden, t, label))
        others = x + 1
        others[3] = x[3]
        whole = _reading(network, x, t, label)
        assert whole.std() > 0
        assert torch.equal(_reading(network, others, t, label)[3], whole[3])
        assert torch.equal(_reading(network, x[:8], t[:8], label[:8]), whole[:8])
    assert not any("probe" in name for name in network.state_dict())
    assert all("probe" not in name for name, _ in network.named_parameters())


def test_a_foreign_network_is_probed_before_its_final_layer() -> None:
    torch.manual_seed(0)

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.out = nn.Linear(3, 8), nn.Linear(8, 2)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            out: Tensor = self.out(self.inner(torch.cat([x, t[:, None]], 1)).tanh())
            return out

    module = Plain()
    frozen = FrozenVelocity(module, "out", (2,))
    probe = _probe(8, classes=0)
    frozen.attach(probe)
    x, t, label = torch.randn(6, 2), torch.rand(6), torch.zeros(6, dtype=torch.long)
    with torch.no_grad():
        inner = module.inner(torch.cat([x, t[:, None]], 1)).tanh()
        assert torch.equal(_reading(frozen, x, t, label), probe(inner, t, label))


def test_half_precision_reads_nearly_the_same(randomised: Randomised) -> None:
    network = randomised(CONFIGS["unet"])
    network.attach(_probe(network.probe_channels))
    x, t, label = _inputs("unet")
    with torch.no_grad():
        exact = _reading(network, x, t, label)
        rounded = _reading(Bfloat16(network).eval(), x, t, label)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.1 * float(exact.std()))


def test_what_does_not_fit_is_not_attached() -> None:
    network = build(CONFIGS["mlp"])
    with pytest.raises(ValueError, match="reads 7 channels, the network has 32"):
        network.attach(_probe(7))
    with pytest.raises(ValueError, match="knows 1 classes, the network has 3"):
        network.attach(_probe(32, classes=1))
    mixture = build({"kind": "gaussian_mixture", "weights": [1.0], "means": [[0.0]],
                     "covariances": [1.0]})  # fmt: skip
    with pytest.raises(ValueError, match="no activations"):
        mixture.attach(_probe(1, classes=0))


def test_round_trip(tmp_path: Path) -> None:
    probe = _probe(4)
    probe.save(tmp_path / "probe.safetensors")
    again = Probe.load(tmp_path / "probe.safetensors")
    assert torch.equal(again.weight, probe.weight)
    assert torch.equal(again.bias, probe.bias)
    assert again.settings == {"judge": "chance"}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.zeros(2, 4)}, "holds"),
        ({"weight": torch.zeros(1, 4), "bias": torch.zeros(1)}, "K >= 2"),
        ({"weight": torch.zeros(2, 3), "bias": torch.zeros(1)}, "2 C"),
        ({"weight": torch.zeros(2, 4), "bias": torch.zeros(0)}, "classes"),
        ({"weight": torch.zeros(2, 4).double(), "bias": torch.zeros(1)}, "float64"),
        ({"weight": torch.full((2, 4), torch.nan), "bias": torch.zeros(1)}, "NaN"),
    ],
)
def test_files_that_are_no_probe_say_why(tmp_path: Path, tensors, message: str) -> None:
    save_file(tensors, tmp_path / "probe.safetensors")
    with pytest.raises(ValueError, match=message):
        Probe.load(tmp_path / "probe.safetensors")
