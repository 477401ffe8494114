"""The convention of a foreign network: path, prediction and time, converted to the clock of flows.

A flow integrates ``y`` over ``s`` from 0 to 1. For a foreign path, ``y_0 = a x1 + b x0`` is what
its own samplers start from, on the scale on which its noise is standard normal, and ``y_s = (1 - s)
y_0 + s x1``. On every affine path that is a change of scale and of clock: ``y = w X / (alpha +
sigma)`` at the same share of noise, ``w = s + (1 - s) (a + b)``. Straight lines stay straight, so
Euler's method on this clock is DDIM, and Euler's method on the path's own noise level. The
velocity ``E[x1 - y_0 | y] = (1 - a) E[x1 | y] - b E[x0 | y]`` is affine in what the network says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

import torch
from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor

from sureflow.networks.foreign.continuous import (
    CosinePath,
    ExplodingPath,
    LinearPath,
    PreconditionedPath,
    PreservingPath,
)
from sureflow.networks.foreign.conversions import Affine, Conversions
from sureflow.networks.foreign.discrete import DiscretePath
from sureflow.networks.foreign.expression import evaluate, rounds
from sureflow.networks.foreign.path import AffinePath
from sureflow.networks.foreign.prediction import PREDICTIONS, ForeignPrediction, parts
from sureflow.networks.foreign.tabulated import TabulatedPath

ForeignPath = Annotated[
    LinearPath
    | DiscretePath
    | CosinePath
    | PreservingPath
    | PreconditionedPath
    | ExplodingPath
    | TabulatedPath,
    Field(discriminator="kind"),
]
_READER: TypeAdapter[AffinePath] = TypeAdapter(ForeignPath)

LEAST_DATA, LEAST_NOISE = 5e-3, 1e-2
"""Least shares at which a network that predicts noise, or data, is asked on a path that goes on to
the other end: the noise says nothing about the data where there are none, nor the data about it.
Closest to the exact velocity on the ring, of shares from 0.001 to 0.1."""

MOST = 1e18
"""Numbers of this size count as infinite."""

LEAST_STEP = 1e-8
"""Times this close to each other are not apart for a solver."""


class Convention:
    """What the numbers of a foreign network mean.

    Args:
        path: The path, as :data:`ForeignPath` describes it; linear by default.
        prediction: What the network predicts.
        time: The time that it is told, an expression of ``t``, the path's own clock from 0 at the
            noise to 1 at the data; ``sigma``, noise over signal; and ``step``, the index of the
            discrete step, where there are such. As ``round(...)`` it is told as integers.

    Raises:
        ValueError: They are unknown or do not fit together; the message begins with the field.
    """

    def __init__(
        self,
        path: Mapping[str, Any] | None = None,
        prediction: ForeignPrediction = "velocity",
        time: str | None = None,
    ) -> None:
        self.path = _read_path({"kind": "linear"} if path is None else path)
        if prediction not in PREDICTIONS:
            known = ", ".join(PREDICTIONS)
            raise ValueError(f"prediction: {prediction!r} is unknown; choose from {known}")
        self.prediction: ForeignPrediction = prediction
        if not (time is None or isinstance(time, str)):
            raise ValueError("time: expected an expression, as text")
        self.time = time or ("step" if isinstance(self.path, DiscretePath) else "t")
        self._check(torch.linspace(0, 1, 101))

    def _check(self, s: Tensor) -> None:
        """Check that all numbers are finite at these times."""
        try:
            found = self.at(s)
        except ArithmeticError as error:
            raise ValueError(f"path: its numbers are too large or too small: {error}") from error
        for name, values in found._asdict().items():
            # What was not finite is an integer of the largest size.
            finite = values.double().abs() < MOST
            if not finite.all():
                where = s[~finite][0]
                field = "time" if name == "time" else "path"
                raise ValueError(f"{field}: is not finite everywhere, as at {where:g} of the way")

    @property
    def plain(self) -> bool:
        """Whether the network is a velocity of the flow as it is."""
        linear = isinstance(self.path, LinearPath)
        return linear and self.prediction == "velocity" and self.time == "t"

    @cached_property
    def whole(self) -> bool:
        """Whether the network is told whole numbers: its time is a ``round(...)``."""
        return rounds(self.time)

    @cached_property
    def coupling(self) -> tuple[float, float]:
        """``a, b``: how much of data and noise there is in the state from which sampling begins."""
        share = torch.tensor(self.path.first, dtype=torch.float64)
        size = self.path.scale(share) / self.path.start
        return float((1 - share) * size), float(share * size)

    def start(self, x0: Tensor, x1: Tensor) -> Tensor:
        """``y_0`` of noise and data, from which the flow begins."""
        a, b = self.coupling
        return x0 if (a, b) == (0, 1) else a * x1 + b * x0

    def share(self, s: Tensor) -> Tensor:
        """Share of noise at times of the flow."""
        a, b = self.coupling
        return (1 - s) * b / (s + (1 - s) * (a + b))

    def clock(self, share: Tensor) -> Tensor:
        """Times of the flow at these shares of noise; the inverse of :meth:`share`."""
        a, b = self.coupling
        left = b * (1 - share) - share * a
        return left / (left + share)

    def schedule(self, steps: int) -> Tensor:
        """The model's own schedule: times of the flow ``[steps + 1]`` from exactly 0 to exactly 1.

        Raises:
            ValueError: So many steps are not apart.
        """
        times = self.clock(self.path.schedule(steps))
        times[0] = 0
        times = torch.cat([times, times.new_ones(1)])
        if not (times.diff() > LEAST_STEP).all():
            raise ValueError(f"{steps} steps of the model's own schedule are not apart")
        return times

    def at(self, s: Tensor, like: Tensor | None = None) -> Affine:
        """The conversion at times of the flow ``[n]``, with factors for samples ``like`` if given.

        The network is asked only for shares that it saw in training.

        Raises:
            ValueError: The time is no expression; the message begins with ``time``.
        """
        return self._conversions(s, like)

    @cached_property
    def _conversions(self) -> Conversions:
        return Conversions(self._converted)

    def _converted(self, s: Tensor) -> Affine:
        path, (a, b) = self.path, self.coupling
        s = s.double()
        noisiest, cleanest = path.first, path.last
        if self.prediction == "noise" and noisiest == 1:
            noisiest = 1 - LEAST_DATA
        if self.prediction == "data" and cleanest == 0:
            cleanest = LEAST_NOISE
        share = self.share(s).clamp(cleanest, noisiest)
        size = path.scale(share)
        alpha, sigma = (1 - share) * size, share * size
        p, q = parts(self.prediction, path, share)
        determinant = alpha * q - sigma * p
        # From the state on the path's own scale, and from what the network says.
        state = ((1 - a) * q + b * p) / determinant
        output = -((1 - a) * sigma + b * alpha) / determinant
        scale = size / (s + (1 - s) * (a + b))
        told = self._time(share)
        told = told.round().long() if self.whole else told.float()
        return Affine((state * scale).float(), output.float(), scale.float(), told)

    def _time(self, share: Tensor) -> Tensor:
        sigma = share / (1 - share).clamp(min=1e-12)
        names = {"t": self.path.clock(share), "sigma": sigma}
        step = self.path.step(share)
        if step is not None:
            names["step"] = step
        try:
            return evaluate(self.time, names)
        except ValueError as error:
            raise ValueError(f"time: {error}") from error


def _read_path(given: Mapping[str, Any]) -> AffinePath:
    try:
        # As JSON, which is what it comes from.
        return _READER.validate_json(json.dumps(dict(given)))
    except ValidationError as error:
        raise ValueError(f"path{_fault(error)}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"path: {error}") from error


def _fault(error: ValidationError) -> str:
    """The field and what is wrong with it, of the alternative that the description came nearest."""
    errors = error.errors(include_url=False, include_input=False)
    other = ("literal_error", "list_type")
    first = max(errors, key=lambda z: (len(z["loc"]), z["type"] not in other))
    # The first entry is the kind; the one after the schedule's name tells its alternatives apart.
    place = [str(part) for part in first["loc"][1:] if "[" not in str(part)]
    if first["type"].startswith("union_tag"):
        place = ["kind"]
    return f"{''.join(f'.{part}' for part in place)}: {first['msg'].removeprefix('Value error, ')}"


PLAIN = Convention()
"""That of our own networks: a velocity on the linear path."""
