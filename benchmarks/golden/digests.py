"""Digests of finished samples."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from benchmarks.golden.changes import wave
from benchmarks.golden.lanes import Lane
from benchmarks.golden.library import LaneSpec, Model, Sample, dump, edit, invert, parse, run

Digests = dict[str, str]
"""sha256 by the name of what was hashed."""

CONFIDENCE = ("confidence", "confidence_holds")
RECIPE = "recipe"
NUMBERS = ("score", "uncertainty", "finish_reason", "accepted", "rejected", "evaluations")
OPTIONAL = ("tolerance", "abandoned_at", "inversion_error")
ARRAYS = ("data", "map", "t", "rate", "start")
VIEW = ("step", "t", "state", "prediction", "rate", "map", "uncertainty")


def made(model: Model, lane: Lane) -> Sample:
    """Make the sample of a lane, alone."""
    if lane.given:
        given = [wave(model.card.shape, 0.3)] * (lane.fields["index"] + 1)
        fields = {name: value for name, value in lane.fields.items() if name != "index"}
        sample = invert(model, given, seed=lane.seed, **fields)[-1]
    else:
        spec = LaneSpec(seed=lane.seed, **lane.fields)
        model.check(spec)
        (sample,) = run(model, [spec])
    for change in lane.edits:
        operations = change.change.operations(model.card.shape)
        (sample,) = edit(model, sample, change.at, operations, **change.fields)
    return sample


def digests(sample: Sample) -> Digests:
    """Digests of all parts of a sample, by name."""
    parts = {name: getattr(sample, name) for name in (*ARRAYS, *NUMBERS, *OPTIONAL, *CONFIDENCE)}
    parts |= {f"scores.{name}": value for name, value in sample.scores.items()}
    parts["commit"] = [sample.commit.t, sample.commit.step]
    parts["views"] = [[getattr(view, name) for name in VIEW] for view in sample.views]
    recipe = dump(sample.spec)
    parts[RECIPE] = [recipe, dump(parse(recipe))]
    return {name: sha256(plain(value)).hexdigest() for name, value in sorted(parts.items())}


def plain(value: Any) -> bytes:
    """The bytes that stand for a value: of a number exactly, of an array with dtype and shape.

    A number of numpy is the number that it is, since of which kind it is says nothing.

    Raises:
        TypeError: It is of a kind that nobody thought of.
    """
    if isinstance(value, np.ndarray):
        return f"{value.dtype.str} {value.shape} ".encode() + value.tobytes()
    if isinstance(value, list | tuple):
        return b"[" + b" ".join(sha256(plain(one)).digest() for one in value) + b"]"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value.hex().encode()
    if isinstance(value, bytes):
        return value
    if value is None or isinstance(value, bool | int | str):
        return repr(value).encode()
    raise TypeError(f"no digest of a {type(value).__name__}")
