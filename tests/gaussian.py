"""Networks of any convention that are exact for Gaussian data, and what they should come to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from stubs import model_of
from torch import Tensor, nn

from sureflow.families.diffusion.engine import DiffusionEngine
from sureflow.model import Model
from sureflow.networks import FrozenVelocity

MEAN, DEVIATION = (0.6, -0.4), (0.5, 0.8)
"""Of the data, per component."""

MIN, MAX, DATA = 0.002, 80.0, 0.5
"""Noise levels of exploding paths, and the standard deviation that EDM supposes."""

BETAS = 0.1, 20.0
"""Of the continuous variance-preserving path."""


def bars(kind: str | list[float], first: float, last: float, steps: int) -> np.ndarray:
    """The products of ``1 - beta`` of a schedule, each by itself."""
    if isinstance(kind, list):
        betas = np.array(kind)
    elif kind == "linear":
        betas = np.array([first + (last - first) * k / (steps - 1) for k in range(steps)])
    elif kind == "scaled_linear":
        ends = first**0.5, last**0.5
        roots = [ends[0] + (ends[1] - ends[0]) * k / (steps - 1) for k in range(steps)]
        betas = np.array(roots) ** 2
    elif kind == "sigmoid":
        at = np.linspace(-6, 6, steps)
        betas = (last - first) / (1 + np.exp(-at)) + first
    else:
        f = [math.cos((k / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for k in range(steps + 1)]
        betas = np.array([min(1 - f[k + 1] / f[k], 0.999) for k in range(steps)])
    return np.array([math.prod((1 - betas[: k + 1]).tolist()) for k in range(len(betas))])


@dataclass(frozen=True)
class Truth:
    """A path in closed form: ``alpha`` and ``sigma`` at what the network is told.

    Attributes:
        path: Its description, as a checkpoint has it.
        told: The expression of the time.
        form: The closed form, where the description has tables.
    """

    path: Mapping[str, Any]
    told: str
    form: str = ""

    @property
    def kind(self) -> str:
        return self.form or str(self.path["kind"])

    @cached_property
    def _table(self) -> np.ndarray:
        given = self.path
        table = bars(
            given.get("betas", "linear"),
            given.get("first", 1e-4),
            given.get("last", 0.02),
            given.get("steps", 1000),
        )
        if given.get("zero_snr"):
            root = np.sqrt(table)
            table = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
        return table

    def parts(self, told: Tensor) -> tuple[Tensor, Tensor]:
        """``alpha, sigma`` at these times."""
        if self.kind == "linear":
            return told, 1 - told
        if self.kind == "cosine":
            offset = self.path.get("offset", 0.0)
            angle = (1 - told + offset) / (1 + offset) * math.pi / 2
            return angle.cos(), angle.sin()
        if self.kind == "vp":
            tau, (low, high) = 1 - told, BETAS
            alpha = torch.exp(-(tau**2) * (high - low) / 4 - tau * low / 2)
            return alpha, (1 - alpha**2).sqrt()
        if self.kind == "bent":
            return (told + told**2) / 2, (1 - told) * (1 + told / 2)
        if self.kind == "discrete":
            table = np.clip(self._table, 1e-30, None)
            levels = np.log(1 / table - 1) / 2
            found = np.interp(told.detach().numpy(), np.arange(len(levels)), levels)
            level = torch.from_numpy(np.asarray(found))
            return torch.sigmoid(-2 * level).sqrt(), torch.sigmoid(2 * level).sqrt()
        sigma = told if self.kind == "ve" else torch.exp(4 * told)
        return torch.ones_like(told), sigma

    def coupling(self) -> tuple[float, float]:
        """How much of data and of noise there is where sampling begins."""
        if self.kind in ("linear", "cosine", "bent"):
            return 0.0, 1.0
        if self.kind in ("ve", "edm"):
            return 1 / MAX, 1.0
        at = torch.zeros((), dtype=torch.float64)
        if self.kind == "discrete":
            at = at + len(self._table) - 1
        alpha, sigma = self.parts(at)
        return float(alpha), float(sigma)

    def velocity(self, y: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """``E[x1 - y0 | y]`` and its variance, by the regression of two Gaussians."""
        a, b = self.coupling()
        mean, spread = (torch.tensor(z, dtype=torch.float64) for z in (MEAN, DEVIATION))
        s = s[:, None]
        p, q = s + (1 - s) * a, (1 - s) * b
        covariance = (1 - a) * p * spread**2 - b * q
        slope = covariance / (p**2 * spread**2 + q**2)
        rest = (1 - a) ** 2 * spread**2 + b**2 - slope * covariance
        return (1 - a) * mean + slope * (y - p * mean), rest


def tabulated(form: str, times: np.ndarray, order: int = 1, toward: int = 1) -> Truth:
    """A path as tables of its closed form, from the noise on, or of the order -1 from the data on.

    ``toward`` -1 has a time that grows toward the noise.
    """
    alpha, sigma = Truth({}, "t", form).parts(torch.from_numpy(times).double())
    alpha, sigma = alpha.clone(), sigma.clone()
    alpha[times == 0] = 0 if form != "vp" else alpha[times == 0]
    tables = {"alpha": alpha.numpy(), "sigma": sigma.numpy()}
    tables["time"] = times if toward == 1 else 1 - times
    written = {name: table[::order].tolist() for name, table in tables.items()}
    return Truth({"kind": "affine", **written}, "t", form)


EVEN = np.linspace(0, 1, 1001)
"""Times of tables; those of ``vp`` are close to each other at the data, where it changes fast."""

PATHS: dict[str, Truth] = {
    "linear": Truth({"kind": "linear"}, "t"),
    "discrete": Truth({"kind": "discrete"}, "step"),
    "cosine betas": Truth({"kind": "discrete", "betas": "cosine"}, "step"),
    "zero snr": Truth({"kind": "discrete", "zero_snr": True}, "step"),
    "little noise": Truth({"kind": "discrete", "betas": [1e-4] + [0.02] * 100}, "step"),
    "own betas": Truth({"kind": "discrete", "betas": [1e-4] + [0.02] * 400}, "step"),
    "cosine": Truth({"kind": "cosine"}, "t"),
    "offset cosine": Truth({"kind": "cosine", "offset": 0.008}, "t"),
    "vp": Truth({"kind": "vp"}, "t"),
    "ve": Truth({"kind": "ve"}, "sigma"),
    "edm": Truth({"kind": "edm"}, "0.25 * log(sigma)"),
    "table of linear": tabulated("linear", EVEN),
    "table of cosine": tabulated("cosine", EVEN, order=-1),
    "table of vp": tabulated("vp", 1 - EVEN[::-1] ** 2, order=-1, toward=-1),
    "table of bent": tabulated("bent", EVEN, toward=-1),
}
RATED = ("linear", "cosine", "vp", "bent")
"""Kinds on which networks predict a velocity."""

PAIRS = [
    (name, prediction)
    for name, truth in PATHS.items()
    for prediction in ("noise", "data", "v", "velocity", "reverse_velocity", "edm")
    if (prediction != "edm" or truth.kind == "edm")
    and ("velocity" not in prediction or truth.kind in RATED)
]
"""Every prediction that there is on every path."""


class Exact(nn.Module):
    """What a perfect network of this path and prediction says of Gaussian data, in float64."""

    def __init__(self, path: str, prediction: str, size: int = 2) -> None:
        super().__init__()
        self.truth, self.prediction = PATHS[path], prediction
        self.register_buffer("mean", torch.tensor(MEAN * (size // 2)).double())
        self.register_buffer("spread", torch.tensor(DEVIATION * (size // 2)).double())

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        mean, spread = self.mean, self.spread
        alpha, sigma = (z[:, None] for z in self.truth.parts(t))
        if self.truth.kind == "edm":
            x = x * (sigma**2 + DATA**2).sqrt()
        off = (x - alpha * mean) / (alpha**2 * spread**2 + sigma**2)
        data, noise = mean + alpha * spread**2 * off, sigma * off
        if self.prediction in ("noise", "data"):
            return noise if self.prediction == "noise" else data
        if self.prediction == "v":
            if self.truth.kind == "edm":  # of what the network sees
                alpha, sigma = (z / (sigma**2 + DATA**2).sqrt() for z in (alpha, sigma))
            return alpha * noise - sigma * data
        if self.prediction == "edm":
            size = (sigma**2 + DATA**2).sqrt()
            return (data - DATA**2 / size**2 * x) / (sigma * DATA / size)
        with torch.inference_mode(False), torch.enable_grad():
            told = t.detach().clone().requires_grad_()
            rates = [
                torch.autograd.grad(self.truth.parts(told)[which].sum(), told)[0]
                for which in (0, 1)
            ]
        change = rates[0][:, None] * data + rates[1][:, None] * noise
        return change if self.prediction == "velocity" else -change


def described(path: str, prediction: str, size: int = 2) -> dict[str, Any]:
    """The arguments of a frozen network besides the module."""
    truth = PATHS[path]
    return {
        "shape": (size,),
        "path": dict(truth.path),
        "prediction": prediction,
        "time": truth.told,
        "variance": "none",
    }


def diffusion_of(network: FrozenVelocity) -> Model:
    """A model of the family diffusion."""
    card = replace(model_of(network).card, family="diffusion")
    facts = DiffusionEngine.facts(network, {})
    return Model(replace(card, **facts), network.eval(), None)


def exact(path: str, prediction: str, size: int = 2) -> Model:
    """A model whose network is perfect."""
    module = Exact(path, prediction, size)
    return diffusion_of(FrozenVelocity(module, **described(path, prediction, size)))


class ExactVariance(nn.Module):
    """The variance of the velocity of a path, in the place of a head."""

    def __init__(self, path: str, size: int = 2) -> None:
        super().__init__()
        self.truth, self.size = PATHS[path], size

    def forward(self, x: Tensor, v: Tensor, t: Tensor, label: Tensor) -> Tensor:
        _, variance = self.truth.velocity(x.double()[:, :2], t.double())
        return variance.repeat(1, self.size // 2).to(x.dtype)


def known(path: str, prediction: str, size: int = 2) -> Model:
    """A model whose velocity and variance are perfect."""
    arguments = {**described(path, prediction, size), "variance": "beside", "floor": 0.0}
    network = FrozenVelocity(Exact(path, prediction, size), **arguments)
    network.noise["beside"] = ExactVariance(path, size)
    return diffusion_of(network)
