"""Scaled dot-product attention in mean field."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sureflow.moments.moments import Moments
from sureflow.moments.rules import widened


def attention(query: Moments, key: Moments, value: Moments) -> Moments:
    """Softmax attention over tokens; all inputs ``[B, heads, tokens, width]``.

    With ``A = softmax(Q K^T / sqrt(p))`` at the means and ``o = A V``, the variance is first order
    in each of the three inputs,

        A^2 S_V + (1/p) S_Q G^2 + (1/p) sum_j A_ij^2 (Q_i^2 . S_K,j) (V_jc - o_ic)^2,
        G_i[p, c] = sum_j A_ij K_jp (V_jc - o_ic).

    It neglects correlations between Q, K and V, which come from the same input, and terms of second
    order. So it is accurate only while the variance is small against the squared activations.
    """
    mean = F.scaled_dot_product_attention(query.mean, key.mean, value.mean)
    if query.variance is None and key.variance is None and value.variance is None:
        return Moments(mean)
    with torch.autocast(mean.device.type, enabled=False):
        return Moments(mean, _variance(query, key, value))


def _variance(query: Moments, key: Moments, value: Moments) -> Tensor:
    q, k, v = (widened(part.mean) for part in (query, key, value))
    # Only differences of values count here; without their average, float32 cancels less.
    v = v - v.mean(-2, keepdim=True)
    weights = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1)
    out = weights @ v
    variance = torch.zeros_like(out)
    if value.variance is not None:
        variance = variance + weights.square() @ value.variance
    if query.variance is not None:
        # G[b,h,i,p,c] = sum_j A_ij K_jp V_jc - (sum_j A_ij K_jp) o_ic
        slope = torch.einsum("bhij,bhjp,bhjc->bhipc", weights, k, v)
        slope = slope - (weights @ k).unsqueeze(-1) * out.unsqueeze(-2)
        variance = (
            variance
            + torch.einsum("bhip,bhipc->bhic", query.variance, slope.square()) / q.shape[-1]
        )
    if key.variance is not None:
        pull = weights.square() * (q.square() @ key.variance.transpose(-1, -2)) / q.shape[-1]
        # sum_j pull_ij (V_jc - o_ic)^2, expanded into three matrix products
        spread = pull @ v.square() - 2 * out * (pull @ v)
        variance = variance + spread + out.square() * pull.sum(-1, keepdim=True)
    return variance.clamp_min(0)
