"""Networks and models with known answers, for tests."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from sureflow.core.card import Condition, ModelCard
from sureflow.core.process import Query
from sureflow.core.process import Reply as Answer
from sureflow.families.flow.head import velocity as velocity_head
from sureflow.families.flow.solver import Solver
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import (
    Classifier,
    GaussianMixture,
    Laplace,
    NetworkOutput,
    Probe,
    VelocityNetwork,
)
from sureflow.networks.scorers.circuit import Circuit, sizes
from sureflow.networks.scorers.critic import Critic
from sureflow.networks.state_classifier import StateClassifier


def reading_of(weight: Tensor, bias: Tensor, state: StateClassifier | None = None) -> Classifier:
    """A classifier that reads alike at all times, ``[classes, C, cells]`` and ``[classes]``."""
    alike = weight[None], bias[None], torch.ones(1), torch.zeros(1)
    return Classifier(*alike, {"data": "chance"}, state)


def scorers_of(shape: tuple[int, ...]) -> dict[str, nn.Module]:
    """A critic and a circuit of random weights."""
    drawn = torch.Generator().manual_seed(0)
    critic = Critic(shape, 4, {})
    critic.put([(torch.randn(of, generator=drawn), torch.zeros(of[0])) for of in critic.sizes()])
    wanted = sizes(math.prod(shape), 2, 2, 2)
    tensors = {name: torch.randn(of, generator=drawn) for name, of in wanted.items()}
    tensors["order"] = torch.arange(wanted["order"][1]).repeat(2, 1)
    return {"critic": critic, "circuit": Circuit(shape, 0.0, tensors, {})}


def model_of(network: VelocityNetwork) -> Model:
    """A model of it; with a probe and others that read at random if there is a place."""
    names = tuple(str(label) for label in range(network.classes))
    probed = {}
    if network.probe_channels:
        drawn = torch.Generator().manual_seed(0)
        weight = torch.randn(4, 2 * network.probe_channels, generator=drawn)
        network.attach(Probe(weight, torch.randn(network.classes + 1, generator=drawn), {}))
        probed = {"judge": "chance"}
        if network.classes > 1 and network.classifier is None:
            weight = torch.randn(network.classes, network.probe_channels, 1, generator=drawn)
            network.attach(reading_of(weight, torch.zeros(network.classes)), "classifier")
        if network.laplace is None:
            mean = torch.randn(network.probe_channels, generator=drawn)
            factor = torch.eye(network.probe_channels)
            network.attach(Laplace(mean, factor, torch.ones(1), {"data": "chance"}), "laplace")
    if not network.scorers and math.prod(network.shape) <= 1024:
        for name, scorer in scorers_of(network.shape).items():
            network.score_by(scorer, name)
    card = ModelCard(
        "test",
        "sha256:0",
        "vector",
        network.shape,
        names,
        0,
        probed=probed,
        classified=network.classifier.settings if network.classifier else {},
        laplace=network.laplace.settings if network.laplace else {},
        scorers={name: {"data": "chance"} for name in network.scorers},
        conditions=network.conditions,
    )
    return Model(card, network.eval(), None)


class Open(GaussianMixture):
    """A mixture whose state can be probed."""

    def __init__(self, **arguments) -> None:
        super().__init__(**arguments)
        self.probe_channels = self.shape[0]

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        out = super().run(x, t, label, noisy)
        return NetworkOutput(out.mean, out.variance, hidden=x)


class Scripted(VelocityNetwork):
    """Velocity and variance given by plain functions of (x, t, label)."""

    def __init__(self, velocity, variance=None, shape=(2,), classes=0) -> None:
        super().__init__(shape, classes, floor=0.0)
        self.noise = nn.ModuleDict()
        self.velocity = velocity
        self.variance = variance or (lambda x, t, label: torch.ones_like(x))

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        mean = self.velocity(x, t, label)
        return Moments(mean, self.variance(x, t, label) if noisy else None)


class Steered(Scripted):
    """Velocity and variance given by plain functions of (x, t, label, y), ``y`` a vector."""

    def __init__(self, velocity, variance=None, shape=(2,), classes=0, size=2, null=0.0) -> None:
        variance = variance or (lambda x, t, label, y: torch.ones_like(x))
        super().__init__(velocity, variance, shape, classes)
        self.conditions = {"y": Condition("vector", (size,), null)}

    def run(self, x, t, label, noisy, **given) -> Moments:
        mean = self.velocity(x, t, label, **given)
        return Moments(mean, self.variance(x, t, label, **given) if noisy else None)


def answers(queries: list[Query], network: VelocityNetwork) -> list[Answer]:
    """What a network has to say to rows for its velocity."""
    evaluate = velocity_head(network, {}).evaluate
    return [evaluate(**query.inputs) for query in queries]


def drive(solver: Solver, network: VelocityNetwork, count: int) -> dict[int, int]:
    """Tick the lanes in slots 0 .. count - 1 to their end; returns ticks by slot."""
    running, ticks = np.arange(count), dict.fromkeys(range(count), 0)
    while len(running):
        done, diverged = solver.tell(running, answers(solver.ask(running), network))
        assert not diverged.any()
        for slot in running.tolist():
            ticks[slot] += 1
        running = running[~done]
    return ticks
