"""Networks that are conditioned on named arrays beside a label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sureflow.checkpoint import CheckpointConfig, CheckpointError, load, save
from sureflow.core.card import Condition
from sureflow.families.flow.directional import differentiable
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import Bfloat16, FrozenVelocity, build, registry
from sureflow.networks.foreign.conditions import INPUTS, MAX_SIZE, read_conditions
from sureflow.sampling.sample import run

DECLARED = {"y": {"kind": "vector", "shape": [3], "null": -1.0, "says": "composition, in mol"}}


class Reader(nn.Module):
    """A user's network of a state, a time, a vector and, if there are classes, a label."""

    def __init__(self, classes: int = 0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(2 + 1 + 3 + (classes > 0), 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor, t: Tensor, y: Tensor, label: Tensor | None = None) -> Tensor:
        parts = [x, t[:, None], y, *(() if label is None else (label[:, None].to(x),))]
        out: Tensor = self.head(torch.tanh(self.body(torch.cat(parts, -1))))
        return out


def rows(count: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(count, 2), torch.rand(count), torch.randn(count, 3)


@pytest.mark.parametrize("classes", [0, 2])
def test_a_frozen_network_is_called_with_its_conditions_by_name(classes: int) -> None:
    module = Reader(classes)
    network = FrozenVelocity(module, "head", (2,), classes, conditions=DECLARED)
    assert network.conditions == {"y": Condition("vector", (3,), -1.0, "composition, in mol")}
    x, t, y = rows()
    label = torch.tensor([0, 1, 2, 1, 0]) if classes else None
    truth = module(x, t, y, label)
    assert torch.equal(network(x, t, label, y=y), truth)
    assert torch.equal(network.moments(x, t, label, y=y).mean, truth)


@pytest.mark.parametrize("classes", [0, 2])
def test_what_is_not_given_is_null(classes: int) -> None:
    module = Reader(classes)
    network = FrozenVelocity(module, "head", (2,), classes, conditions=DECLARED)
    x, t, _ = rows()
    label = torch.full((5,), classes)
    truth = module(x, t, torch.full((5, 3), -1.0), label if classes else None)
    nulls = network.complete(x, {})
    run = network.run(x, t, label, True, **nulls)
    for found in (network(x, t), network.moments(x, t).mean, run.mean):
        assert torch.equal(found, truth)
    assert differentiable(network)


def test_the_variance_is_that_under_the_condition() -> None:
    """A fresh noise layer has alpha 0.1 everywhere; only the final layer follows it."""
    module = Reader().double()
    network = FrozenVelocity(module, "head", (2,), floor=0.0, conditions=DECLARED).double()
    x, t, y = (z.double() for z in rows())
    h = torch.tanh(module.body(torch.cat([x, t[:, None], y], -1)))
    expected = (0.1 * h.square()) @ module.head.weight.square().T
    found = network.moments(x, t, y=y).variance
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_half_precision_passes_conditions_on() -> None:
    exact = FrozenVelocity(Reader(), "head", (2,), conditions=DECLARED).eval()
    x, t, y = rows()
    truth, null = exact(x, t, y=y), exact(x, t)
    rounded = Bfloat16(exact)
    assert rounded.conditions == exact.conditions
    assert torch.allclose(rounded(x, t, y=y), truth, atol=0.02)
    assert torch.allclose(rounded(x, t), null, atol=0.02)
    assert torch.equal(rounded.moments(x, t, y=y).mean, rounded(x, t, y=y))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of a network that takes a vector and a label."""
    monkeypatch.setitem(registry._factories, "reader", Reader)
    network = {
        "kind": "frozen", "base": "reader", "arguments": {"classes": 2}, "final": "head",
        "shape": [2], "classes": 2, "conditions": DECLARED,
    }  # fmt: skip
    config = CheckpointConfig(name="read", media="vector", classes=("a", "b"), network=network)
    save(tmp_path / "read", config, build(network))
    return tmp_path / "read"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_checkpoint_says_which_it_takes(folder: Path, precision: str) -> None:
    model = load(folder, precision=precision)
    assert model.card.conditions == {"y": Condition("vector", (3,), -1.0, "composition, in mol")}
    y = np.array([0.5, 1, -2], np.float32)
    spec = FlowSpec(0, 0, "euler", 3, 1, 2.0, condition={"y": y}, scores=("propagated",))
    model.check(spec)
    (made,) = run(model, [spec])
    (other,) = run(model, [replace(spec, condition={})])
    assert made.evaluations == other.evaluations == 6
    assert np.abs(made.data - other.data).max() > 1e-3
    (whole,) = run(model, [replace(spec, condition={"y": np.full(3, -1, np.float32)})])
    assert whole.data.tobytes() == other.data.tobytes(), "its null, in words"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        *(({name: DECLARED["y"]}, rf"conditions\.{name}: is no name") for name in INPUTS),
        ({"not a name": DECLARED["y"]}, r"conditions\.not a name: is no name"),
        ({"y": {"shape": [3]}}, r"conditions\.y: .*kind"),
        ({"y": {"kind": "vector", "shape": [3], "nil": 0}}, r"conditions\.y: .*nil"),
        ({"y": {"kind": "smell", "shape": [3]}}, r"conditions\.y\.kind: 'smell' is unknown"),
        ({"y": {"kind": "label", "shape": [3]}}, r"conditions\.y\.kind: 'label' is unknown"),
        ({"y": {"kind": "vector"}}, r"conditions\.y\.shape: "),
        ({"y": {"kind": "vector", "shape": []}}, r"conditions\.y\.shape: "),
        ({"y": {"kind": "vector", "shape": [0]}}, r"conditions\.y\.shape: "),
        ({"y": {"kind": "vector", "shape": [2.0]}}, r"conditions\.y\.shape: "),
        ({"y": {"kind": "vector", "shape": 3}}, r"conditions\.y: "),
        ({"y": {"kind": "vector", "shape": [MAX_SIZE, 2]}}, r"conditions\.y\.shape: "),
        ({"y": {"kind": "vector", "shape": [3], "null": "none"}}, r"conditions\.y\.null: "),
        ({"y": {"kind": "vector", "shape": [3], "null": float("nan")}}, r"conditions\.y\.null: "),
    ],
)
def test_what_cannot_be_a_condition_is_refused(declared: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        read_conditions(declared)


def test_a_checkpoint_with_such_a_one_is_refused(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(
        path.read_text().replace('"vector",\n        "shape"', '"smell",\n        "shape"')
    )
    assert "smell" in path.read_text()
    with pytest.raises(CheckpointError, match=r"conditions\.y\.kind: 'smell'"):
        load(folder)


def test_a_module_that_does_not_understand_them_is_refused() -> None:
    declared = {**DECLARED, "z": {"kind": "vector", "shape": [1]}}
    with pytest.raises(ValueError, match="network: cannot evaluate samples"):
        FrozenVelocity(Reader(), "head", (2,), conditions=declared)
