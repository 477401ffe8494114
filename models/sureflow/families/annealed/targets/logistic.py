"""The posterior of a logistic regression."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from sureflow.core.card import Condition


class LogisticPosterior(nn.Module):
    """Log posterior of an intercept and coefficients, given labelled data.

    The prior is ``N(0, prior_scale^2)`` for each, with its constant, so that log Z is the log
    evidence of the data. The first component is the intercept.

    Args:
        rows: Number of observations; features and labels are in the checkpoint's tensors.
        features: Number of features, which are standardised.
        prior_scale: Standard deviation of the prior, where a request names none.

    Attributes:
        conditions: ``prior_scale``, which a request may set.
    """

    inputs: Tensor
    labels: Tensor

    def __init__(self, rows: int, features: int, prior_scale: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("inputs", torch.zeros(rows, features, dtype=torch.float64))
        self.register_buffer("labels", torch.zeros(rows, dtype=torch.float64))
        self.conditions = {
            "prior_scale": Condition(
                "vector", (1,), prior_scale, "standard deviation of the prior, above 0"
            )
        }

    def forward(self, x: Tensor, prior_scale: Tensor) -> Tensor:
        """Log density ``[n]`` at ``x [n, 1 + features]``, with prior scales ``[n, 1]``."""
        scale = prior_scale[:, 0].to(x.dtype)
        logits = x[:, :1] + x[:, 1:] @ self.inputs.T
        likelihood = (self.labels * logits - softplus(logits)).sum(1)
        constant = x.shape[1] * (scale.log() + math.log(2 * math.pi) / 2)
        return likelihood - x.square().sum(1) / scale.square() / 2 - constant
