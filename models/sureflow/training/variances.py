"""Variances for a foreign module: where they can come from, each as a network of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sureflow.networks import FrozenVelocity
from sureflow.networks.frozen import VarianceSource
from sureflow.networks.last_layer import last_layers

WIDTH_OF_VECTORS = 128
"""Width of a head beside a network of vectors, for which it costs little."""


@dataclass(frozen=True)
class Variant:
    """A foreign module with a variance that has learned nothing yet.

    Attributes:
        source: Where the variance comes from.
        config: Describes the network, as in a checkpoint.
        network: The network; all variants have the same module.
    """

    source: VarianceSource
    config: dict[str, Any]
    network: FrozenVelocity

    @property
    def place(self) -> str:
        """How it is said where the variance comes from."""
        final = self.config.get("final")
        return f"inside, in front of {final}" if self.source == "inside" else self.source


def beside(described: Mapping[str, Any], network: FrozenVelocity, seed: int) -> Variant:
    """The module with a head beside it."""
    changes: dict[str, Any] = {"variance": "beside"}
    if len(network.shape) != 3 and "width" not in described:
        changes["width"] = WIDTH_OF_VECTORS
    return _variant("beside", {**described, **changes}, network, seed)


def inside(described: Mapping[str, Any], network: FrozenVelocity, seed: int) -> Variant | None:
    """The module with noise in front of its last layer, if it has one that will do.

    Where the description names none, those that the module runs are tried, the last one first.

    Raises:
        ValueError: The description names a layer that will not do.
    """
    if described.get("final"):
        return _variant("inside", {**described, "variance": "inside"}, network, seed)
    return next(_found(described, network, seed), None)


def _found(described: Mapping[str, Any], network: FrozenVelocity, seed: int) -> Iterator[Variant]:
    for name in last_layers(network, network.network):
        changes = {"variance": "inside", "final": name}
        try:
            made = _variant("inside", {**described, **changes}, network, seed)
            x = torch.zeros(2, *network.shape, device=network.device)
            made.network.moments(x, torch.full((2,), 0.5).to(x))
        except (ValueError, RuntimeError):  # another layer follows, or rows come in another form
            continue
        yield made


def _variant(
    source: VarianceSource, config: dict[str, Any], network: FrozenVelocity, seed: int
) -> Variant:
    arguments = {n: z for n, z in config.items() if n not in ("kind", "base", "arguments")}
    torch.manual_seed(seed)
    made = FrozenVelocity(network.network, **arguments)
    return Variant(source, config, made.to(network.device))
