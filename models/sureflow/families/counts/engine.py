"""The engine of counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from sureflow.core.engine import EarlyRule, Engine, Head
from sureflow.core.lane import LaneSpec
from sureflow.families.counts.checks import check
from sureflow.families.counts.lanes import CountLanes
from sureflow.families.counts.phases import CountPhases
from sureflow.families.counts.sampler import POSTERIOR
from sureflow.families.counts.spec import CountSpec
from sureflow.networks.count_mlp import CountMLP
from sureflow.networks.count_network import CountNetwork
from sureflow.networks.count_table import CountTable

NETWORKS: dict[str, type[CountNetwork]] = {"count_mlp": CountMLP, "count_table": CountTable}
"""Kinds of networks, by the names that configs use."""

TIMES = (0.0, 0.95, 0.5, 0.25, 0.75)
"""Times of example rows."""


class CountEngine(Engine):
    """Predicts where counts end, and moves them there."""

    main = POSTERIOR

    @classmethod
    def build(cls, config: Mapping[str, Any]) -> nn.Module:
        """Make the network that a checkpoint describes."""
        return built(config)

    @classmethod
    def facts(cls, network: Any, learned: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the model's card that depend on the network."""
        return {
            "shape": network.shape,
            "components": network.components,
            "differentiable": False,
            "variance": "own",
        }

    def heads(self) -> Mapping[str, Head]:
        """The posterior of the ends."""
        network = self.model.network

        def evaluate(x: Tensor, t: Tensor, label: Tensor) -> dict[str, Tensor]:
            return {POSTERIOR: network(x, t, label)}

        def example(count: int) -> dict[str, Tensor]:
            drawn, number = torch.Generator().manual_seed(0), torch.arange(count)
            highest = min(network.most, 8) + 1
            inputs = {
                "x": torch.randint(0, highest, (count, *network.shape), generator=drawn),
                "t": torch.tensor(TIMES)[number % len(TIMES)],
                "label": number % (network.classes + 1),
            }
            return {name: value.to(self.model.device) for name, value in inputs.items()}

        return {POSTERIOR: Head(evaluate, example)}

    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> CountPhases:
        """The sampler, between edits."""
        return CountPhases(CountLanes(capacity, self.model.network, self.model.device, early))

    def check(self, spec: LaneSpec) -> None:
        """Check that the model can run a lane."""
        check(cast(CountSpec, spec), self.model)


def built(config: Mapping[str, Any]) -> nn.Module:
    """The network of a config, ``{"kind": NAME, **arguments}``.

    Raises:
        ValueError: The kind is unknown, or the arguments do not fit.
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if kind not in NETWORKS:
        raise ValueError(f"network.kind: {kind!r} is unknown; choose from {[*NETWORKS]}")
    try:
        return NETWORKS[kind](**arguments)
    except ValueError:
        raise
    except Exception as error:  # arguments of any type and size
        raise ValueError(f"network: {str(error) or type(error).__name__}") from error
