"""An ONNX model answers as the network that it describes, and says that it has no gradients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import conv2d, silu

from sureflow.families.flow.directional import differentiable
from sureflow.networks import FrozenVelocity
from sureflow.networks.registry import build
from sureflow.weights import read_weights

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import helper, numpy_helper  # noqa: E402

from sureflow.networks.foreign import onnx as bases  # noqa: E402
from sureflow.networks.foreign.onnx import OnnxNetwork  # noqa: E402
from tests.models.networks.foreign.onnx_models import (  # noqa: E402
    convolution,
    integers,
    model,
    perceptron,
    weight,
)


def held(made: Any) -> OnnxNetwork:
    return OnnxNetwork.holding(made.SerializeToString())


def weights_of(made: Any) -> dict[str, Tensor]:
    return {w.name: torch.tensor(numpy_helper.to_array(w)) for w in made.graph.initializer}


def convolved(x: Tensor, t: Tensor) -> Tensor:
    w = weights_of(convolution())
    h = conv2d(x, w["stem"], padding=1) + t[:, None, None, None]
    return conv2d(silu(h), w["head"], padding=1)


def mapped(x: Tensor, t: Tensor) -> Tensor:
    w = weights_of(perceptron())
    return torch.relu(torch.cat([x, t[:, None]], 1) @ w["a"]) @ w["b"]


CASES = pytest.mark.parametrize(
    ("make", "expected", "shape"),
    [(convolution, convolved, (1, 28, 28)), (perceptron, mapped, (64,))],
)


@CASES
@pytest.mark.parametrize("batch", ["batch", 4, 1])
def test_it_answers_as_the_network(
    make: Callable[[str | int], Any],
    expected: Callable[[Tensor, Tensor], Tensor],
    shape: tuple[int, ...],
    batch: str | int,
) -> None:
    network = held(make(batch))
    assert (f"exactly {batch} rows" in network.note) == isinstance(batch, int)
    for count in (1, 4, 7):
        x, t = torch.randn(count, *shape), torch.rand(count)
        answer = network(x, t=t)
        assert {*answer} == {"y"}
        torch.testing.assert_close(answer["y"], expected(x, t), atol=1e-5, rtol=1e-5)


@CASES
def test_bits_of_a_row_do_not_depend_on_its_block(
    make: Callable[[], Any], expected: object, shape: tuple[int, ...]
) -> None:
    network, x, t = held(make()), torch.randn(16, *shape), torch.rand(16)
    alone = torch.cat([network(x[i : i + 1], t[i : i + 1])["y"] for i in range(16)])
    for size in (2, 3, 8, 16):
        parts = [network(x[i : i + size], t[i : i + size])["y"] for i in range(0, 16, size)]
        assert torch.equal(torch.cat(parts), alone)


def test_it_travels_in_safetensors(tmp_path: Path) -> None:
    data = perceptron().SerializeToString()
    with torch.device("meta"):
        hollow = bases.onnx(len(data))
    network = bases.onnx(len(data))
    assert not hollow.ready
    assert not network.ready
    save_file(OnnxNetwork.holding(data).state_dict(), tmp_path / "model.safetensors")
    network.load_state_dict(read_weights(tmp_path / "model.safetensors", hollow.state_dict()))
    assert network.ready
    x, t = torch.randn(2, 64), torch.rand(2)
    torch.testing.assert_close(network(x, t)["y"], mapped(x, t), atol=1e-5, rtol=1e-5)


def test_a_derivative_is_an_error() -> None:
    network, x, t = held(perceptron()), torch.randn(2, 64), torch.rand(2)
    with pytest.raises(RuntimeError, match="no derivatives"):
        network(x.clone().requires_grad_(), t)
    with pytest.raises(RuntimeError, match="no derivatives"):
        torch.func.grad(lambda x: network(x, t)["y"].sum())(x)
    with torch.no_grad():
        assert network(x.clone().requires_grad_(), t)["y"].shape == x.shape
    with torch.inference_mode():
        assert network(x.clone(), t)["y"].shape == x.shape


class Velocity(nn.Module):
    """A model as a velocity, with a final layer for the variance."""

    def __init__(self) -> None:
        super().__init__()
        self.program, self.out = held(perceptron()), nn.Linear(64, 64)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.out(self.program(x, t)["y"])
        return out


def test_the_loader_finds_that_it_cannot_be_differentiated() -> None:
    assert not differentiable(FrozenVelocity(Velocity(), "out", (64,)))


def test_types_are_cast() -> None:
    nodes = [
        helper.make_node("Cast", ["t"], ["a"], to=1),
        helper.make_node("Reshape", ["a", "column"], ["b"]),
        helper.make_node("Add", ["x", "b"], ["y"]),
    ]
    made = model(nodes, [integers("column", -1, 1)], ("n", 3), ("n",))
    made.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    x = torch.zeros(2, 3, dtype=torch.float64)
    assert held(made)(x, torch.tensor([1.0, 2.0]))["y"][:, 0].tolist() == [1.0, 2.0]


def outside(made: Any) -> None:
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def custom(made: Any) -> None:
    made.graph.node[0].domain = "com.microsoft"
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def random(made: Any) -> None:
    made.graph.node.insert(0, helper.make_node("RandomNormalLike", ["x"], ["noise"]))


def endless(made: Any) -> None:
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"])], "body", [], [])
    made.graph.node.insert(0, helper.make_node("Loop", ["", ""], ["z"], body=body))


def text(made: Any) -> None:
    made.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.STRING


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (outside, "(in another file|no valid ONNX model: .*etc/passwd)"),
        (custom, "com.microsoft"),
        (random, "random"),
        (endless, "(Loop|no valid ONNX model)"),
        (text, "."),
    ],
)
def test_what_is_not_plain_is_refused(change: Callable[[Any], None], reason: str) -> None:
    made = perceptron()
    change(made)
    with pytest.raises(ValueError, match=f"^program: .*{reason}"):
        held(made)


def test_files_beside_it_are_not_read_in_inner_graphs() -> None:
    made = perceptron()
    inner = weight("inner", 2, 2)
    inner.data_location = inner.EXTERNAL
    constant = helper.make_node("Constant", [], ["unused"], value=inner)
    made.graph.node.insert(0, constant)
    with pytest.raises(ValueError, match=r"^program: "):
        held(made)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_other_bytes_are_refused(share: float) -> None:
    data = perceptron().SerializeToString()
    with pytest.raises(ValueError, match=r"^program: "):
        OnnxNetwork.holding(data[: int(share * len(data))] or b"ORTM")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"pip install 'onnx>="):
        bases.onnx(9)
    with pytest.raises(ValueError, match=r"network.arguments: .*pip install 'onnx>="):
        build({"kind": "frozen", "base": "onnx", "arguments": {"size": 9}, "final": "x"})
