from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice

import pytest
import torch

from benchmarks.independence import amid_company, compare, count_differing
from sureflow.checkpoint import load
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import VelocityNetwork
from sureflow.sampling.evaluator import main_head


class Gossip(VelocityNetwork):
    """A network whose rows learn where the others are, once it has passed for sound."""

    def __init__(self) -> None:
        super().__init__((2,), 0, floor=0.0)
        self.listening = False
        self.noise = torch.nn.ModuleDict()

    def run(self, x: torch.Tensor, t: torch.Tensor, label: torch.Tensor, noisy: bool) -> Moments:
        mean = -x + 1e-3 * x.mean(0) if self.listening else -x
        return Moments(mean, torch.ones_like(x) if noisy else None)


def test_the_analytic_ring_keeps_to_itself() -> None:
    model = load("ring-exact")
    made = list(islice(amid_company(model, 60, random.Random(3)), 60))
    assert compare(model, iter(made), 60, "") == (60, 0)


def test_a_network_that_listens_to_its_neighbours_is_caught() -> None:
    gossip = Model(replace(load("ring-exact").card, name="gossip"), Gossip().eval(), None)
    assert main_head(gossip).sizes != (1,), "else every row is evaluated alone"
    gossip.network.listening = True
    samples, differing = compare(gossip, amid_company(gossip, 40, random.Random(3)), 40, "")
    assert samples == 40
    assert differing > 0


@pytest.mark.parametrize(
    ("left", "right", "count"), [(b"abc", b"abc", 0), (b"abc", b"axc", 1), (b"abc", b"ab", 1)]
)
def test_bytes_are_counted(left: bytes, right: bytes, count: int) -> None:
    assert count_differing(left, right) == count
