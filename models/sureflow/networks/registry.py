"""Networks by the name that a config calls them."""

from __future__ import annotations

from typing import Any

from sureflow.networks.analytic import GaussianMixture
from sureflow.networks.dit import DiT
from sureflow.networks.mlp import MLP
from sureflow.networks.network import VelocityNetwork
from sureflow.networks.unet import UNet

_kinds: dict[str, type[VelocityNetwork]] = {
    "dit": DiT,
    "gaussian_mixture": GaussianMixture,
    "mlp": MLP,
    "unet": UNet,
}


def register(kind: str, network: type[VelocityNetwork]) -> None:
    """Make a network known under a name, so that checkpoints can refer to it."""
    _kinds[kind] = network


def kind_of(config: dict[str, Any]) -> type[VelocityNetwork]:
    """The network class that ``config["kind"]`` names.

    Raises:
        ValueError: The kind is missing or unknown.
    """
    kind = config.get("kind")
    if kind not in _kinds:
        raise ValueError(f"network.kind: {kind!r} is unknown; choose from {sorted(_kinds)}")
    return _kinds[kind]


def build(config: dict[str, Any]) -> VelocityNetwork:
    """Build a network from ``{"kind": NAME, **arguments}``.

    Raises:
        ValueError: The kind is unknown, or the arguments do not fit its constructor.
    """
    kind = kind_of(config)
    try:
        return kind(**{name: value for name, value in config.items() if name != "kind"})
    except TypeError as error:
        raise ValueError(f"network: {error}") from error
