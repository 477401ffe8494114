"""The square root, where its last bit matters."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.numerics import is_portable

KINDS = (torch.float32, torch.float64)


def square_root(x: Tensor) -> Tensor:
    """Square roots, ``x >= 0``; correctly rounded on portable kernels.

    Those of MKL's vector functions, which torch takes on a CPU, start from the processor's own
    estimate of the inverse; vendors estimate differently, and no mode of MKL changes that.
    """
    if is_portable() and not x.requires_grad and x.dtype in KINDS and x.is_cpu:
        return torch.from_numpy(np.sqrt(x.numpy()))
    return x.sqrt()
