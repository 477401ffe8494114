"""The registry of variance rules: one per layer type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from sureflow.moments.moments import Moments

Rule = Callable[[Any, Tensor, Tensor], Tensor]
"""``rule(layer, mean, variance) -> variance`` of the layer's output, all in float32 or wider."""

_rules: dict[type[nn.Module], Rule] = {}
_R = TypeVar("_R", bound=Rule)


def register(*layers: type[nn.Module]) -> Callable[[_R], _R]:
    """Register the decorated function as the variance rule of these layer types."""

    def decorate(rule: _R) -> _R:
        for layer in layers:
            _rules[layer] = rule
        return rule

    return decorate


def rule_of(layer: nn.Module) -> Rule:
    """Return the rule of a layer, looked up along its class hierarchy.

    Raises:
        TypeError: No rule is registered for the layer or a base class of it.
    """
    for kind in type(layer).__mro__:
        if kind in _rules:
            return _rules[kind]
    raise TypeError(
        f"no variance rule for {type(layer).__name__}; register one with sureflow.moments.register"
    )


def propagate(layer: nn.Module, h: Moments) -> Moments:
    """Take moments through one layer.

    The mean is ``layer(h.mean)``, untouched; the variance follows the layer's rule, computed
    outside autocast because squares of bfloat16 activations lose too much.

    Raises:
        TypeError: The variance is not zero and the layer has no rule.
    """
    if type(layer).forward is nn.Sequential.forward:
        for child in layer.children():
            h = propagate(child, h)
        return h
    if h.variance is None:
        return Moments(layer(h.mean))
    with torch.autocast(h.mean.device.type, enabled=False):
        variance = rule_of(layer)(layer, widened(h.mean), widened(h.variance))
    # The mean comes second, because a layer that works in place would change the rule's input.
    return Moments(layer(h.mean), variance)


def widened(tensor: Tensor) -> Tensor:
    """Cast a half-precision tensor to float32; leave float32 and float64 as they are."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


@register(nn.Identity, nn.Dropout)
def _identity(layer: nn.Module, mean: Tensor, variance: Tensor) -> Tensor:
    return variance


@register(nn.PixelShuffle, nn.PixelUnshuffle, nn.Flatten, nn.Unflatten)
def _rearrangement(layer: nn.Module, mean: Tensor, variance: Tensor) -> Tensor:
    return widened(layer(variance))
