"""Normalisation layers, with the random statistics taken into account to first order.

With ``z = (mean - mu) / s`` and ``T_k = sum_j variance_j z_j^k`` over the ``n`` entries that are
normalised together, the output variance is

    [variance (1 - 2 (1 + z^2) / n) + (T_0 + 2 z T_1 + z^2 T_2) / n^2] / s^2 * weight^2

(LayerNorm, GroupNorm), and without the terms of the subtracted mean for RMSNorm. What is
neglected is the dependence between input entries and the second-order change of the statistics.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sureflow.moments.rules import register
from sureflow.moments.square_root import square_root


def _centred(mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    """Variance after centring and scaling over the last dimension."""
    n = mean.shape[-1]
    deviation = mean - mean.mean(-1, keepdim=True)
    square = (
        deviation.square().mean(-1, keepdim=True)
        + (1 - 1 / n) * variance.mean(-1, keepdim=True)
        + eps
    )
    z = deviation / square_root(square)
    t0 = variance.sum(-1, keepdim=True)
    t1 = (variance * z).sum(-1, keepdim=True)
    t2 = (variance * z.square()).sum(-1, keepdim=True)
    own = variance * (1 - 2 * (1 + z.square()) / n)
    return ((own + (t0 + 2 * z * t1 + z.square() * t2) / n**2) / square).clamp_min(0)


def _scaled(mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    """Variance after scaling to unit root mean square over the last dimension."""
    n = mean.shape[-1]
    square = mean.square().mean(-1, keepdim=True) + variance.mean(-1, keepdim=True) + eps
    z2 = mean.square() / square
    t2 = (variance * z2).sum(-1, keepdim=True)
    return ((variance * (1 - 2 * z2 / n) + z2 * t2 / n**2) / square).clamp_min(0)


@register(nn.GroupNorm)
def _group_norm(layer: nn.GroupNorm, mean: Tensor, variance: Tensor) -> Tensor:
    grouped = (mean.shape[0], layer.num_groups, -1)
    out = _centred(mean.reshape(grouped), variance.reshape(grouped), layer.eps).reshape(mean.shape)
    if not layer.affine:
        return out
    per_channel = (1, -1, *(1 for _ in mean.shape[2:]))
    return out * layer.weight.square().reshape(per_channel)


@register(nn.LayerNorm, nn.RMSNorm)
def _layer_norm(layer: nn.LayerNorm | nn.RMSNorm, mean: Tensor, variance: Tensor) -> Tensor:
    kept = mean.dim() - len(layer.normalized_shape)
    eps = layer.eps if layer.eps is not None else torch.finfo(mean.dtype).eps
    normalize = _centred if isinstance(layer, nn.LayerNorm) else _scaled
    out = normalize(mean.flatten(kept), variance.flatten(kept), eps).reshape(mean.shape)
    return out if layer.weight is None else out * layer.weight.square()
