"""ONNX models of small networks, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

Size = str | int


def weight(name: str, *shape: int) -> Any:
    drawn = np.random.default_rng(0).standard_normal(shape) / np.prod(shape[1:]) ** 0.5
    return numpy_helper.from_array(drawn.astype(np.float32), name)


def integers(name: str, *values: int) -> Any:
    return numpy_helper.from_array(np.array(values), name)


def model(
    nodes: list[Any], weights: list[Any], shape: tuple[Size, ...], time: tuple[Size, ...]
) -> Any:
    """A model that maps ``x`` and ``t`` to ``y``, which has the shape of ``x``."""
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "xy")
    t = helper.make_tensor_value_info("t", TensorProto.FLOAT, time)
    graph = helper.make_graph(nodes, "graph", [x, t], [y], weights)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def convolution(batch: Size = "batch") -> Any:
    """``conv(silu(conv(x) + t))`` of images ``[1, 28, 28]``."""
    nodes = [
        helper.make_node("Conv", ["x", "stem"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Reshape", ["t", "column"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["d"]),
        helper.make_node("Mul", ["c", "d"], ["e"]),
        helper.make_node("Conv", ["e", "head"], ["y"], pads=[1, 1, 1, 1]),
    ]
    weights = [
        weight("stem", 16, 1, 3, 3),
        weight("head", 1, 16, 3, 3),
        integers("column", -1, 1, 1, 1),
    ]
    return model(nodes, weights, (batch, 1, 28, 28), (batch,))


def perceptron(batch: Size = "batch") -> Any:
    """``relu([x, t] a) b`` of vectors ``[64]``."""
    nodes = [
        helper.make_node("Reshape", ["t", "column"], ["c"]),
        helper.make_node("Concat", ["x", "c"], ["d"], axis=1),
        helper.make_node("MatMul", ["d", "a"], ["e"]),
        helper.make_node("Relu", ["e"], ["f"]),
        helper.make_node("Gemm", ["f", "b"], ["y"]),
    ]
    weights = [weight("a", 65, 256), weight("b", 256, 64), integers("column", -1, 1)]
    return model(nodes, weights, (batch, 64), (batch,))
