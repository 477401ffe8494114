"""Imported networks in half precision and compiled: close to what they are, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import sureflow
from sureflow.checkpoint import CheckpointError
from sureflow.families.flow.head import velocity
from sureflow.importing.adapter import Adapter
from sureflow.importing.run import import_model
from sureflow.networks import Bfloat16, FrozenVelocity
from sureflow.sampling import evaluator
from sureflow.sampling.compiled import compiled
from tests.models.networks.foreign.programs import Image, rows
from tests.models.networks.foreign.programs import saved as exported
from tests.tiny_diffusers import saved, scheduled

STEPS, COUNT, SEED = 6, 2, 3
CLOSE = 0.05
"""Of rounded samples to exact ones, relative to their size; the weights are drawn at random."""


@pytest.fixture(scope="module")
def unet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A U-Net of diffusers that predicts the noise, imported."""
    pytest.importorskip("diffusers")
    folder = tmp_path_factory.mktemp("ways")
    source = scheduled(saved("unet", folder / "theirs"), timestep_spacing="trailing")
    import_model(str(source), "mine", folder / "mine", Adapter())
    return folder / "mine"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of torch.export, imported."""
    folder = tmp_path_factory.mktemp("ways")
    (x, t, label), free = rows(4), torch.export.Dim("batch")
    shapes = {name: {0: free} for name in ("x", "t", "label")}
    data = exported(Image(), x, t, kwargs={"label": label}, dynamic_shapes=shapes)
    (folder / "net.pt2").write_bytes(data)
    import_model(str(folder / "net.pt2"), "mine", folder / "mine", Adapter(classes=2))
    return folder / "mine"


@pytest.fixture(scope="module")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX model, imported."""
    pytest.importorskip("onnxruntime")
    from tests.models.networks.foreign.onnx_models import convolution

    folder = tmp_path_factory.mktemp("ways")
    (folder / "net.onnx").write_bytes(convolution().SerializeToString())
    import_model(str(folder / "net.onnx"), "mine", folder / "mine", Adapter())
    return folder / "mine"


def samples(model: sureflow.Model) -> np.ndarray[Any, Any]:
    made = sureflow.sample(model, COUNT, SEED, method="euler", steps=STEPS)
    return np.stack([sample.data for sample in made])


def apart(folder: Path, **way: Any) -> float:
    """How far samples are from the exact ones, relative to their size."""
    exact, other = samples(sureflow.load(folder)), samples(sureflow.load(folder, **way))
    return float(np.sqrt(np.square(other - exact).mean() / np.square(exact).mean()))


def test_half_precision_of_a_unet(unet: Path) -> None:
    exact, rounded = sureflow.load(unet), sureflow.load(unet, precision="bfloat16")
    assert rounded.card.version == f"{exact.card.version}+bfloat16"
    weights = {type(layer): layer.weight.dtype for layer in _layers(rounded.network)}
    assert weights[nn.Conv2d] == weights[nn.Linear] == torch.bfloat16
    assert weights[nn.GroupNorm] == torch.float32
    assert 0 < apart(unet, precision="bfloat16") < CLOSE


def _layers(network: nn.Module) -> list[Any]:
    kinds = (nn.Conv2d, nn.Linear, nn.GroupNorm)
    return [layer for layer in network.modules() if isinstance(layer, kinds)]


def test_the_time_is_not_rounded(unet: Path) -> None:
    """In bfloat16, step 999 would be 1000, and 501 would be 500."""
    model = sureflow.load(unet, precision="bfloat16")
    told: list[torch.Tensor] = []
    module: Any = model.network.network.network
    module.register_forward_pre_hook(
        lambda _, args, given: told.append(given["timestep"].clone()), with_kwargs=True
    )
    with torch.inference_mode():
        model.network(torch.zeros(3, 1, 8, 8), torch.tensor([0.0, 0.5, 0.9]))
    (steps,) = told
    exact = sureflow.load(unet).network.convention.at(torch.tensor([0.0, 0.5, 0.9])).time
    assert steps.dtype == torch.float32
    assert torch.equal(steps, exact)
    assert steps[0] == 999
    assert not torch.equal(steps.bfloat16().float(), steps)


def test_half_precision_of_a_program(program: Path) -> None:
    """Its weights stay as they are, and products are made of them in bfloat16."""
    assert 0 < apart(program, precision="bfloat16") < CLOSE


class Stubborn(nn.Module):
    """Multiplies in the type of its input, whatever anybody wants."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):
            return self.layer(x) * t[:, None]  # type: ignore[no-any-return]


class Mixed(nn.Module):
    """Uses its weights without their layers, and writes into what it has."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.table = nn.Linear(2, 2), nn.Embedding(2, 2)
        self.table.weight = self.layer.weight

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        h = x @ self.layer.weight.T + self.layer.bias * t[:, None]
        h[:, :1] = self.layer(x)[:, :1]
        h += self.table(torch.zeros(len(x), dtype=torch.long))
        return h


def test_modules_of_ones_own_in_half_precision() -> None:
    network = FrozenVelocity(Mixed(), shape=(2,), variance="none").eval()
    x, t = torch.randn(8, 2), torch.rand(8)
    exact = network(x, t)
    rounded = Bfloat16(network).eval()(x, t)
    assert rounded.dtype == torch.float32
    assert 0 < float((rounded - exact).norm()) < CLOSE * float(exact.norm())
    stubborn = FrozenVelocity(Stubborn(), shape=(2,), variance="none").eval()
    with pytest.raises(ValueError, match=r"^precision: cannot be run in bfloat16: RuntimeError: "):
        Bfloat16(stubborn)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ({"precision": "bfloat16"}, "precision: ONNX Runtime computes in the types of the file"),
        ({"compile": "compile"}, "compile: ONNX Runtime runs the network, not torch"),
        ({"compile": "graphs"}, "compile: ONNX Runtime runs the network, not torch"),
    ],
)
def test_an_onnx_model_is_run_in_one_way(way: Any, reason: str, onnx: Path) -> None:
    with pytest.raises(CheckpointError, match=rf"^{onnx}: {reason}; "):
        sureflow.load(onnx, **way)
    assert np.isfinite(samples(sureflow.load(onnx))).all()


def test_graphs_need_a_gpu_for_foreign_networks_too(unet: Path, program: Path) -> None:
    for folder in (unet, program):
        with pytest.raises(ValueError, match=r"^compile: graphs need a CUDA device"):
            samples(sureflow.load(folder, compile="graphs"))


class Plain(nn.Module):
    """A perceptron of a team's own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 8), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(self.first(torch.cat([x, t[:, None]], 1)))
        return self.last(h)  # type: ignore[no-any-return]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # of torch
@pytest.mark.parametrize("variance", [{"final": "last"}, {"variance": "beside"}])
def test_a_variance_is_compiled_with_its_network(variance: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = FrozenVelocity(Plain(), shape=(2,), **variance).eval().requires_grad_(False)
    plain = velocity(network, {}).evaluate
    compiled_head = compiled(plain, "compile", torch.device("cpu"))
    rows = {"x": torch.randn(4, 2), "t": torch.rand(4), "label": torch.zeros(4).long()}
    with torch.inference_mode():
        for _ in range(2):
            found, expected = compiled_head(**rows), plain(**rows)
            for name, value in expected.items():
                torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # of torch
@pytest.mark.parametrize("kind", ["unet", "program"])
def test_compiled_networks_are_the_same_up_to_rounding(
    kind: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(evaluator, "ROW_COUNTS", (4, 8))
    folder: Path = request.getfixturevalue(kind)
    assert sureflow.load(folder, compile="compile").card.version.endswith("+compile")
    assert apart(folder, compile="compile") < 1e-4
