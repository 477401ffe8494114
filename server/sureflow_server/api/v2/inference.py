"""What an inference asks for as a request of ours, and what came of it as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow_server.api.answer import samples_of
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import MAX_PRIORITY, GenerateRequest
from sureflow_server.api.run import Result
from sureflow_server.api.v2.tensor import Inference, Output, Scalar

INPUTS = {"n": ("INT32", "n"), "seed": ("INT64", "seed"), "label": ("INT64", "condition.label")}
"""Tensors that may come in, each of one element: datatype, and the field that it fills in; a family
has more. A label may also be the name of a class, as BYTES, and any integer or float will do for
another."""

CONDITIONED = ("condition", "guidance")
"""Parts of a request that only models with something to be conditioned on have."""

FILLED = ("model", "output")
"""Fields that the protocol has its own ways for."""

BINARY_OUTPUT = "binary_data_output"
LOWEST = 2 * MAX_PRIORITY + 1
"""Triton's priorities begin at 1, the highest; 0 is the default."""


def inputs_of(card: ModelCard) -> dict[str, tuple[str, str]]:
    """Return the tensors that may come in for a model, as :data:`INPUTS` has them.

    Texts that the model encodes have the names of their conditions.
    """
    prompts = {name: ("BYTES", f"condition.{name}") for name in card.prompted}
    return prompts | INPUTS | dict(family_of(card).tensors)


def request_of(
    card: ModelCard, inference: Inference, elements: Mapping[str, Scalar]
) -> GenerateRequest:
    """Return what is asked for.

    A parameter is any field of ``POST /v1/generate`` by its path, such as ``filter.min``, or the
    name of an input. ``timeout`` (microseconds) and ``priority`` are Triton's own.

    Raises:
        Problem: There is no such input or parameter, or its value does not fit.
    """
    fields: dict[str, Scalar] = {}
    inputs = inputs_of(card)
    for name, value in elements.items():
        if name not in inputs:
            raise Problem.field(f"inputs.{name}", f"choose from {', '.join(inputs)}")
        fields[inputs[name][1]] = value
    for name, value in inference.parameters.items():
        if name == BINARY_OUTPUT:
            continue
        path, meant = _parameter(name, value)
        path = inputs[path][1] if path in inputs else path
        if path in fields or path.split(".")[0] in FILLED:
            raise Problem.field(f"parameters.{name}", "the request says so elsewhere")
        fields[path] = meant
    try:
        return GenerateRequest.model_validate({"model": card.name, **_nested(fields)})
    except ValidationError as error:
        raise Problem.invalid(error.errors(), within=["body"]) from None


def _parameter(name: str, value: Scalar) -> tuple[str, Scalar]:
    """Return the field that a parameter fills in, and with what."""
    if name == "timeout" and isinstance(value, int | float):
        return "deadline_s", value / 1e6
    if name == "priority" and isinstance(value, int):
        urgency = MAX_PRIORITY + 1 - min(max(value, 1), LOWEST)
        return name, urgency if value else 0
    return name, value


def _nested(fields: Mapping[str, Scalar]) -> dict[str, Any]:
    """``{"sampler.steps": 5}`` as ``{"sampler": {"steps": 5}}``."""
    body: dict[str, Any] = {}
    for path, value in fields.items():
        *parts, last = path.split(".")
        place = body
        for part in parts:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise Problem.field(path, f"{part} is a value and has no parts")
        if isinstance(place.get(last), dict):
            raise Problem.field(path, "has parts and is not a value")
        place[last] = value
    return body


def _floats(values: Iterable[float | None]) -> np.ndarray[Any, Any]:
    """What is not known is NaN."""
    return np.array([np.nan if value is None else value for value in values], np.float32)


Column = Callable[[Sequence[Result]], Any]

OUTPUTS: dict[str, tuple[str, Column]] = {
    "samples": ("FP32", samples_of),
    "confidence": ("FP32", lambda results: _floats(r.sample.confidence for r in results)),
    "uncertainty": ("FP32", lambda results: _floats(r.sample.uncertainty for r in results)),
    "decision": (
        "BYTES",
        lambda results: [r.decision.action_taken if r.decision else "" for r in results],
    ),
    "handle": ("BYTES", lambda results: [r.handle["id"] if r.handle else "" for r in results]),
    "finish_reason": ("BYTES", lambda results: [r.sample.finish_reason for r in results]),
    "evaluations": (
        "INT32",
        lambda results: np.array([r.sample.evaluations for r in results], np.int32),
    ),
}
"""Tensors that go out, all with one entry per sample that was made: datatype, and how it is made.

Confidence: higher is surer; uncertainty: lower is. Decisions are empty without a filter, handles
without `rewind`.
"""


def outputs_of(inference: Inference, results: Sequence[Result]) -> list[tuple[Output, bool]]:
    """Return the tensors that are wanted, by default all, and whether each is sent as bytes."""
    everywhere = bool(inference.parameters.get(BINARY_OUTPUT, False))
    wanted = {
        each.name: each.parameters.get("binary_data", everywhere) for each in inference.outputs
    }
    chosen = wanted or dict.fromkeys(OUTPUTS, everywhere)
    return [
        (Output(name, OUTPUTS[name][0], OUTPUTS[name][1](results)), bool(binary))
        for name, binary in chosen.items()
    ]


def check_outputs(inference: Inference) -> None:
    """Refuse tensors that there are not, before any work.

    Raises:
        Problem: There is one.
    """
    for each in inference.outputs:
        if each.name not in OUTPUTS:
            raise Problem.field(f"outputs.{each.name}", f"choose from {', '.join(OUTPUTS)}")


def metadata(card: ModelCard) -> dict[str, Any]:
    """Describe a model as the protocol has it; a dimension of -1 may be any."""
    absent = () if card.classes or card.conditions else CONDITIONED
    inputs = {
        name: datatype
        for name, (datatype, path) in inputs_of(card).items()
        if path.split(".")[0] not in absent
    }
    alike = [{*along} for along in zip(*(card.shapes or (card.shape,)), strict=True)]
    shapes = {"samples": [-1, *(size if len(z) == 1 else -1 for z in alike for size in [*z][:1])]}
    return {
        "name": card.name,
        "versions": [card.version],
        "platform": "sureflow",
        "inputs": [
            {"name": name, "datatype": datatype, "shape": [1]} for name, datatype in inputs.items()
        ],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": shapes.get(name, [-1])}
            for name, (datatype, _) in OUTPUTS.items()
        ],
    }
