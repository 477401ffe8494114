"""Checks the bytes of an ONNX model before a session is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

ADVICE = (
    "needs the packages onnx and onnxruntime; run `pip install 'onnx>=1.19' 'onnxruntime>=1.23'`"
)

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
"""Domains of the operators of the standard."""

RANDOM = (
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)
"""Operators whose answers differ from call to call."""

ENDLESS = "Loop"
"""An operator whose time has no bound."""


def checked_model(data: bytes) -> Any:
    """Read an ONNX model.

    Returns:
        Its ``ModelProto``.

    Raises:
        ValueError: It is none, keeps weights in other files, or calls operators that are random,
            endless, or of a package; the message begins with ``program``. Or the package ``onnx``
            is missing.
    """
    try:
        import onnx
    except ImportError as error:
        raise ValueError(f"program: an ONNX model {ADVICE}") from error
    try:
        model = onnx.load_model_from_string(data)
        if not model.graph.node or not model.opset_import:
            raise ValueError("it has no operators")
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker raise errors of many types
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise ValueError(f"program: it is no valid ONNX model: {said}") from error
    own = {function.domain for function in model.functions}
    for node in _nodes([model.graph, *model.functions]):
        if node.domain not in {*DOMAINS, *own}:
            raise ValueError(
                f"program: it calls {node.op_type} of {node.domain!r}; only operators of the ONNX "
                "standard are served, so export it without optimisers and custom operators"
            )
        if node.op_type in RANDOM:
            raise ValueError(f"program: it calls {node.op_type}, so its answers are random")
        if node.op_type == ENDLESS:
            raise ValueError("program: it has a Loop, whose time has no bound; unroll it")
    for tensor in _tensors([model.graph, *model.functions]):
        if tensor.data_location != tensor.DEFAULT or tensor.external_data:
            raise ValueError(
                f"program: its tensor {tensor.name!r} is in another file; save the model in one, "
                "by onnx.save(model, path, save_as_external_data=False)"
            )
    return model


def _nodes(graphs: Iterable[Any]) -> Iterator[Any]:
    """All nodes, those of inner graphs included."""
    for graph in graphs:
        for node in graph.node:
            yield node
            for attribute in node.attribute:
                yield from _nodes([attribute.g, *attribute.graphs])


def _tensors(graphs: Iterable[Any]) -> Iterator[Any]:
    """All tensors that the model holds."""
    listed = [*graphs]
    for graph in listed:
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
    for node in _nodes(listed):
        for each in node.attribute:
            yield from (each.t, *each.tensors)
            for sparse in (each.sparse_tensor, *each.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (each.g, *each.graphs):
                yield from graph.initializer
                for sparse in graph.sparse_initializer:
                    yield from (sparse.values, sparse.indices)
