"""Modules are called by their own names, and their prediction is found in what they return."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sureflow.networks import FrozenVelocity
from sureflow.networks.foreign.call import Call


@dataclass
class Output:
    sample: Tensor
    other: int = 0


class Named(nn.Module):
    """Takes its arguments by names of its own, and answers in one of many ways."""

    def __init__(self, answer: Any = lambda out: out) -> None:
        super().__init__()
        self.answer = answer

    def forward(
        self,
        *,
        sample: Tensor,
        timestep: Tensor,
        class_labels: Tensor | None = None,
        states: Tensor | None = None,
    ) -> Any:
        out = sample + timestep[:, None]
        if class_labels is not None:
            out = out + 10 * class_labels[:, None]
        if states is not None:
            out = out + states.mean((1, 2))[:, None]
        return self.answer(out)


BOTH = {"x": "sample", "t": "timestep"}
X, T = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0.25, 0.5])
EXPECTED = X + T[:, None]

OUTPUTS: dict[str, tuple[Any, str | None]] = {
    "itself": (lambda out: out, None),
    "attribute": (Output, "sample"),
    "key": (lambda out: {"sample": out}, "sample"),
    "ordered key": (lambda out: OrderedDict(sample=out, x=1), "sample"),
    "index": (lambda out: (out, 1), "0"),
    "last index": (lambda out: [1, 2, out], "2"),
    "key of digits": (lambda out: {"0": out}, "0"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_output(name: str) -> None:
    answer, output = OUTPUTS[name]
    network = FrozenVelocity(Named(answer), shape=(2,), inputs=BOTH, output=output, variance="none")
    assert torch.equal(network(X, T), EXPECTED)


def test_labels_and_conditions_by_their_names() -> None:
    network = FrozenVelocity(
        Named(),
        shape=(2,),
        classes=3,
        inputs={**BOTH, "label": "class_labels", "text": "states"},
        conditions={"text": {"kind": "text", "shape": [4, 5]}},
        variance="none",
    )
    label, text = torch.tensor([2, 3]), torch.ones(2, 4, 5)
    assert torch.equal(network(X, T, label, text=text), EXPECTED + 10 * label[:, None] + 1)
    assert torch.equal(network(X, T, label), EXPECTED + 10 * label[:, None])


def test_without_names_ours_are_used() -> None:
    class Ours(nn.Module):
        def forward(self, a: Tensor, b: Tensor, label: Tensor) -> Tensor:
            return a + b[:, None] + label[:, None]

    network = FrozenVelocity(Ours(), shape=(2,), classes=2, variance="none")
    assert torch.equal(network(X, T), EXPECTED + 2)


def test_first_channels_are_the_prediction() -> None:
    def wide(out: Tensor) -> Tensor:
        return torch.cat([out, out.square()], 1)

    network = FrozenVelocity(Named(wide), shape=(2,), inputs=BOTH, channels=2, variance="none")
    assert torch.equal(network(X, T), EXPECTED)
    with pytest.raises(ValueError, match=r"^shape: the network maps \[2, 2\] to \[2, 4\]"):
        FrozenVelocity(Named(wide), shape=(2,), inputs=BOTH)


def test_no_null_label_is_never_told() -> None:
    seen: list[Tensor] = []

    class Strict(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(3, 2)

        def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
            seen.append(label)
            out: Tensor = x + self.table(label)
            return out

    network = FrozenVelocity(Strict(), shape=(2,), classes=3, null_label=False)
    network.moments(X, T, torch.tensor([1, 2]))
    network(X, T)
    assert all(label.max() < 3 for label in seen)
    with pytest.raises(ValueError, match=r"network: cannot evaluate .*labels 0 and 3 \(none\)"):
        FrozenVelocity(Strict(), shape=(2,), classes=3)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"inputs": {"x": "sample"}}, "inputs: expected the names"),
    ({"inputs": {"x": 1, "t": "timestep"}}, "inputs: expected the names"),
    ({"inputs": ["x", "t"]}, "inputs: expected the names"),
    ({"inputs": {**BOTH, "label": "class_labels"}}, r"inputs\.label: is no input of this model"),
    ({"inputs": {**BOTH, "text": "states"}}, r"inputs\.text: is no input of this model"),
    ({"inputs": BOTH, "classes": 3}, r"inputs\.label: has no argument of the module"),
    ({"inputs": {"x": "image", "t": "timestep"}}, "network: cannot evaluate .*image"),
    ({"inputs": {"x": "__class__", "t": "timestep"}}, "network: cannot evaluate"),
    ({"output": 0}, "output: expected the name or the number"),
    ({"output": "sample"}, "network: cannot evaluate .* a Tensor, has no 'sample'"),
    ({"output": "9"}, "network: cannot evaluate"),
    ({"output": "__class__"}, "network: cannot evaluate .*expected a floating-point tensor"),
    ({"output": "shape"}, "network: cannot evaluate .*expected a floating-point tensor"),
    ({"channels": 0}, "channels: expected a number above 0"),
    ({"channels": True}, "channels: expected a number above 0"),
    ({"channels": "2"}, "channels: expected a number above 0"),
    ({"channels": 1}, "shape: the network maps"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_call_is_refused_by_its_field(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        FrozenVelocity(Named(), shape=(2,), variance="none", **{"inputs": BOTH, **arguments})


def test_nothing_is_looked_for_in_a_module_that_answers_badly() -> None:
    def missing(out: Tensor) -> dict[str, Tensor]:
        return {"sample": out}

    with pytest.raises(TypeError, match="a dict, has no 'items'"):
        Call(BOTH, "items")(Named(missing), X, T, {})
    with pytest.raises(TypeError, match=r"answers with torch\.int64"):
        Call(BOTH)(Named(lambda out: out.long()), X, T, {})
