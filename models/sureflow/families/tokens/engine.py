"""The engine of token sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from sureflow.core.draw import Purpose, uniform
from sureflow.core.engine import EarlyRule, Engine, Head
from sureflow.core.lane import LaneSpec
from sureflow.families.tokens.checks import check
from sureflow.families.tokens.lanes import TokenLanes
from sureflow.families.tokens.phases import TokenPhases
from sureflow.families.tokens.rows import LOGITS
from sureflow.families.tokens.spec import TokenSpec
from sureflow.networks.sequence_network import SequenceNetwork
from sureflow.networks.sequence_table import SequenceTable
from sureflow.networks.sequence_transformer import SequenceTransformer

NETWORKS: dict[str, type[SequenceNetwork]] = {
    "sequence_table": SequenceTable,
    "sequence_transformer": SequenceTransformer,
}
"""Kinds of networks, by the names that configs use."""


class TokenEngine(Engine):
    """Predicts masked tokens, and draws them."""

    main = LOGITS

    @classmethod
    def build(cls, config: Mapping[str, Any]) -> nn.Module:
        """Make the network that a checkpoint describes."""
        return built(config)

    @classmethod
    def facts(cls, network: Any, learned: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the model's card that depend on the network."""
        return {
            "shape": network.shape,
            "notation": network.notation,
            "differentiable": False,
            "conditions": dict(network.conditions),
            "variance": "none",
        }

    def heads(self) -> Mapping[str, Head]:
        """The logits of all tokens."""
        network, conditions = self.model.network, self.model.network.conditions

        def evaluate(tokens: Tensor, **given: Tensor) -> dict[str, Tensor]:
            return {LOGITS: network(tokens, **given)}

        def example(count: int) -> dict[str, Tensor]:
            shape = (network.length,)
            drawn, share = (
                torch.stack([uniform(shape, 0, row, purpose) for row in range(count)])
                for purpose in (Purpose.START, Purpose.STEP)
            )
            tokens = (drawn * network.symbols).long()
            hidden = share < share[:, :1]
            found = {"tokens": torch.where(hidden, network.mask, tokens)}
            for number, (name, condition) in enumerate(conditions.items()):
                value = torch.arange(count)[:, None].float() * 0.1 + number
                value[::3] = condition.null
                found[name] = value
            return {name: value.to(self.model.device) for name, value in found.items()}

        return {LOGITS: Head(evaluate, example)}

    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> TokenPhases:
        """The sampler, and what asks about finished sequences."""
        return TokenPhases(TokenLanes(capacity, self.model.network, self.model.device, early))

    def check(self, spec: LaneSpec) -> None:
        """Check that the model can run a lane."""
        check(cast(TokenSpec, spec), self.model)


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
