"""Exact networks of every path are told apart, and a wrong description is answered by the right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sureflow.core.path import broadcast
from sureflow.networks import FrozenVelocity, GaussianMixture
from sureflow.networks.foreign.convention import Convention
from sureflow.networks.foreign.prediction import parts
from sureflow.training.arrays import Arrays
from sureflow.training.readings import DISCRETE, LINEAR, STABLE, readings
from sureflow.training.soundness import assess

MIXTURE = GaussianMixture([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]], [0.5, 0.3, 0.2], [0.2] * 3)
SAMPLES = MIXTURE.draw(5000, torch.Generator().manual_seed(1)).float()
DATA = Arrays(SAMPLES, torch.zeros(5000, dtype=torch.long), (), "drawn")


class Exact(nn.Module):
    """Predicts what it should of points on a path, told the step or the path's own time."""

    def __init__(self, path: dict[str, Any], prediction: Any) -> None:
        super().__init__()
        self.convention = Convention(path, prediction)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        path = self.convention.path
        steps = len(path.signals) - 1 if hasattr(path, "signals") else None
        told = told.double().clamp(0, steps or 1)
        share = path.share(1 - told / steps if steps else told).clamp(1e-4, 1 - 1e-4)
        size, p, q = path.scale(share), *parts(self.convention.prediction, path, share)
        point = x.double() / broadcast(size, x)
        time = 1 - share
        v = MIXTURE(point, time)
        data = point + (1 - broadcast(time, x)) * v
        noise = point - broadcast(time, x) * v
        return (broadcast(p, x) * data + broadcast(q, x) * noise).to(x.dtype)


def described(module: nn.Module, path: dict[str, Any], prediction: Any, time: str) -> Any:
    return FrozenVelocity(
        module, shape=(2,), path=path, prediction=prediction, time=time, variance="none"
    )


PATHS = {
    "linear": (LINEAR, "t"),
    "ddpm": (DISCRETE, "step"),
    "stable": (STABLE, "step"),
    "cosine": (DISCRETE | {"betas": "cosine"}, "step"),
}
SAID = {"ddpm": "with linear betas", "stable": "of Stable Diffusion", "cosine": "a cosine schedule"}
CASES = [(path, prediction) for path in PATHS for prediction in ("noise", "data", "v")]


@pytest.mark.parametrize(("path", "prediction"), CASES)
def test_an_exact_network_is_let_pass(path: str, prediction: str) -> None:
    kind, time = PATHS[path]
    found = assess(described(Exact(kind, prediction), kind, prediction, time), DATA)
    assert found.problem is None
    assert found.misfit < 0.1


@pytest.mark.parametrize(("path", "prediction"), CASES)
def test_another_prediction_is_named(path: str, prediction: str) -> None:
    kind, time = PATHS[path]
    for other in {"noise", "data", "v"} - {prediction}:
        wrong = described(Exact(kind, prediction), kind, other, time)
        reason = assess(wrong, DATA).problem
        assert reason is not None
        assert f'set prediction to "{prediction}"' in reason


@pytest.mark.parametrize("prediction", ["noise", "data"])
@pytest.mark.parametrize("path", ["ddpm", "stable", "cosine"])
def test_another_path_is_named(path: str, prediction: str) -> None:
    kind, time = PATHS[path]
    for name in {"ddpm", "stable", "cosine"} - {path}:
        network = described(Exact(kind, prediction), PATHS[name][0], prediction, time)
        reason = assess(network, DATA).problem
        assert reason is not None, name
        assert SAID[path] in reason


@pytest.mark.parametrize("time", ["999 - step", "step / 1000", "step * 2"])
def test_another_clock_is_named(time: str) -> None:
    network = described(Exact(DISCRETE, "noise"), DISCRETE, "noise", time)
    reason = assess(network, DATA).problem
    assert reason is not None
    assert 'set time to "step"' in reason


def test_all_places_can_be_read() -> None:
    found = list(readings())
    assert all(place for place in found)
    texts = [one.says for place in found for one in place]
    assert len({*texts}) == len(texts)
