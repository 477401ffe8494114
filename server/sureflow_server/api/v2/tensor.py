"""Tensors on the wire: as JSON, or as bytes behind the JSON (the binary tensor data extension)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, TypeAdapter

from sureflow.core.schema import MOST, NAME_LENGTH, AtMost, Name
from sureflow_server.api.json_body import read_as
from sureflow_server.api.json_pieces import text
from sureflow_server.api.problems import Problem

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Length of the JSON at the beginning of a body with binary tensors."""

LENGTH = re.compile(r"[0-9]{1,18}")
SIZE = "binary_data_size"
TYPES: dict[str, str] = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""NumPy's names of the datatypes; beside them there is ``BYTES``, strings with their lengths."""

MAX_TENSORS = 64
"""Of a request, either way."""

MAX_TEXT = 4096
"""Characters of an element or a parameter that is a text."""

Text = Annotated[str, Field(max_length=MAX_TEXT)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**64)]
Scalar = bool | Whole | Annotated[float, Field(allow_inf_nan=False)] | Text
Parameters = dict[Name, Scalar]


class Input(BaseModel):
    """A tensor of a request."""

    name: Name
    datatype: Name
    shape: Annotated[list[Annotated[int, Field(ge=0, le=MOST)]], AtMost(8)]
    parameters: Parameters = {}
    data: Any = None


class Requested(BaseModel):
    """A tensor that is wanted in the answer."""

    name: Name
    parameters: Parameters = {}


class Inference(BaseModel):
    """The JSON of a request; the protocol lets members through that are not named here."""

    id: Annotated[str, Field(max_length=NAME_LENGTH)] | None = None
    parameters: Parameters = {}
    inputs: Annotated[list[Input], AtMost(MAX_TENSORS)] = []
    outputs: Annotated[list[Requested], AtMost(MAX_TENSORS)] = []


INFERENCE = TypeAdapter(Inference)


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """A tensor of an answer; strings have no array."""

    name: str
    datatype: str
    values: npt.NDArray[Any] | Sequence[str]

    @property
    def shape(self) -> list[int]:
        """Its shape; strings are a vector."""
        return list(
            self.values.shape if isinstance(self.values, np.ndarray) else [len(self.values)]
        )

    def raw(self) -> bytes:
        """Return its elements one after the other, the last index fastest."""
        if isinstance(self.values, np.ndarray):
            return np.ascontiguousarray(self.values, TYPES[self.datatype]).tobytes()
        encoded = (text.encode() for text in self.values)
        return b"".join(len(text).to_bytes(4, "little") + text for text in encoded)

    def flat(self) -> list[Any]:
        """Return its elements as JSON has them; what is not finite is null."""
        if not isinstance(self.values, np.ndarray):
            return list(self.values)
        return [value if isfinite(value) else None for value in self.values.ravel().tolist()]


def read(body: bytes, header_length: str | None) -> tuple[Inference, dict[str, Scalar]]:
    """Return a request and the one element of each of its tensors.

    Raises:
        Problem: It is malformed, or a tensor has more or less than one element.
    """
    length = len(body)
    if header_length is not None:
        if not LENGTH.fullmatch(header_length):
            raise _malformed(HEADER_LENGTH, "not a number of bytes")
        length = int(header_length)
        if length > len(body):
            raise _malformed(HEADER_LENGTH, f"{length} bytes of a body of {len(body)}")
    inference = read_as(INFERENCE, body[:length])
    elements: dict[str, Scalar] = {}
    rest = memoryview(body)[length:]
    for tensor in inference.inputs:
        if tensor.name in elements:
            raise _unfit(tensor, "given twice")
        elements[tensor.name], rest = _element(tensor, rest)
    if rest:
        raise _malformed("body", f"{len(rest)} bytes belong to no tensor")
    return inference, elements


def _element(tensor: Input, rest: memoryview) -> tuple[Scalar, memoryview]:
    """Return the only element of a tensor, and the bytes that are left to others."""
    if tensor.datatype != "BYTES" and tensor.datatype not in TYPES:
        raise _unfit(tensor, f"there is no datatype {tensor.datatype}")
    if any(size != 1 for size in tensor.shape):
        raise _unfit(tensor, f"has one element, not the shape {tensor.shape}")
    size = tensor.parameters.get(SIZE)
    if size is None:
        return _plain(tensor), rest
    if tensor.data is not None:
        raise _unfit(tensor, f"has data or {SIZE}, not both")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(rest):
        raise _unfit(tensor, f"{size} bytes, and the body has {len(rest)} left")
    return _binary(tensor, bytes(rest[:size])), rest[size:]


def _plain(tensor: Input) -> Scalar:
    data = tensor.data
    while isinstance(data, list) and len(data) == 1:
        data = data[0]
    if not isinstance(data, bool | int | float | str):
        raise _unfit(tensor, "data must hold one element")
    return data


def _binary(tensor: Input, raw: bytes) -> Scalar:
    if tensor.datatype == "BYTES":
        text = raw[4:]
        if len(raw) < 4 or int.from_bytes(raw[:4], "little") != len(text):
            raise _unfit(tensor, "its length does not fit")
        try:
            return text.decode()
        except UnicodeDecodeError:
            raise _unfit(tensor, "not UTF-8") from None
    dtype = np.dtype(TYPES[tensor.datatype])
    if len(raw) != dtype.itemsize:
        raise _unfit(tensor, f"{len(raw)} bytes for a {tensor.datatype}")
    element: Scalar = np.frombuffer(raw, dtype)[0].item()
    return element


def write(answer: Mapping[str, Any], outputs: Sequence[tuple[Output, bool]]) -> list[bytes]:
    """Return the body in parts: JSON, and then the tensors that are sent as bytes.

    With each of the outputs goes whether it shall be sent as bytes.
    """
    described, raws = [], []
    for output, binary in outputs:
        described_as = {"name": output.name, "datatype": output.datatype, "shape": output.shape}
        if binary:
            raws.append(output.raw())
            described.append({**described_as, "parameters": {SIZE: len(raws[-1])}})
        else:
            described.append({**described_as, "data": output.flat()})
    return [text({**answer, "outputs": described}), *raws]


def _unfit(tensor: Input, message: str) -> Problem:
    return Problem.field(f"inputs.{tensor.name}", message)


def _malformed(field: str, message: str) -> Problem:
    return Problem.field(field, message, "malformed-body")
