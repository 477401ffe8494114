"""What a foreign network predicts, as a mean of data and noise."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from sureflow.networks.foreign.continuous import PreconditionedPath
from sureflow.networks.foreign.path import AffinePath

ForeignPrediction = Literal["velocity", "reverse_velocity", "noise", "data", "v", "edm"]
"""``velocity``: how ``X`` changes in the path's own time, toward the data; ``reverse_velocity``:
the same toward the noise (SD3, FLUX); ``noise`` (DDPM); ``data``; ``v``, ``alpha x0 - sigma x1``
(Salimans and Ho, 2022); ``edm``, the output of the network that Karras et al. (2022) precondition,
``(sigma x1 - sigma_data^2 x0) / (sigma_data sqrt(sigma^2 + sigma_data^2))``."""

PREDICTIONS = get_args(ForeignPrediction)


def parts(prediction: ForeignPrediction, path: AffinePath, share: Tensor) -> tuple[Tensor, Tensor]:
    """The factors ``p, q`` with which a network predicts ``E[p x1 + q x0 | X]``.

    Raises:
        ValueError: The path has no such prediction; the message begins with ``prediction``.
    """
    size = path.scale(share)
    alpha, sigma = (1 - share) * size, share * size
    zero, one = torch.zeros_like(share), torch.ones_like(share)
    if prediction == "noise":
        return zero, one
    if prediction == "data":
        return one, zero
    if prediction == "v":
        return -sigma, alpha
    if prediction == "edm":
        if not isinstance(path, PreconditionedPath):
            raise ValueError("prediction: edm is for a path of kind edm")
        # alpha and sigma have been divided by sqrt(sigma^2 + sigma_data^2) already.
        return sigma / path.sigma_data, -alpha * path.sigma_data
    rates = path.rates(share)
    if rates is None:
        raise ValueError(f"prediction: no network predicts a {prediction} on this kind of path")
    return rates if prediction == "velocity" else (-rates[0], -rates[1])
